"""What viewers may type: every field bounded, and every refusal one sentence."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from gtsite.http import local_path
from gtsite.viewers import names, passwords

NEXT_LENGTH = 2000


class NameField(forms.CharField):
    """A name to sign in with; `max_length` also bounds what is folded into a key."""

    def __init__(self, **options: Any) -> None:
        attributes = {
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
        }
        super().__init__(
            label="Name",
            max_length=names.MAX_LENGTH,
            widget=forms.TextInput(attrs=attributes),
            error_messages={
                "required": "Write your name.",
                "max_length": f"A name has at most {names.MAX_LENGTH} characters.",
                "null_characters_not_allowed": "Use letters, digits and signs only.",
            },
            **options,
        )


class PasswordField(forms.CharField):
    """Never written back into a page; spaces at its ends count."""

    def __init__(self, *, autocomplete: str, label: str = "Password", **options: Any) -> None:
        super().__init__(
            label=label,
            max_length=passwords.MAX_LENGTH,
            strip=False,
            widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
            error_messages={
                "required": "Write the password.",
                "max_length": f"A password has at most {passwords.MAX_LENGTH} characters.",
            },
            **options,
        )


class FocusedForm(forms.Form):
    """The cursor stands in the first field that is wrong, or in the first one."""

    def focus(self) -> None:
        wrong = [name for name in self.fields if name in self.errors]
        shown = [field.name for field in self.visible_fields()]
        first = next((name for name in wrong if name in shown), shown[0])
        self.fields[first].widget.attrs["autofocus"] = True


class ReturningForm(FocusedForm):
    """Knows where its viewer wants to go afterwards: a path of this site, else the first page."""

    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_next(self) -> str:
        return _bounded_path(self.cleaned_data["next"])

    @property
    def onward(self) -> str:
        """The query that takes the same way on to the other form; '' for the first page."""
        path = _bounded_path(str(self["next"].value() or ""))
        return "" if path == "/" else f"?{urlencode({'next': path})}"


class SignInForm(ReturningForm):
    """Anything may be a name here: that there is none by that name is found out by looking."""

    name = NameField()
    password = PasswordField(autocomplete="current-password")


class SignUpForm(ReturningForm):
    name = NameField(
        help_text=f"{names.MIN_LENGTH} to {names.MAX_LENGTH} characters. Only you see it."
    )
    password = PasswordField(
        autocomplete="new-password",
        help_text="10 characters or more; a few unrelated words are best. Nobody can reset it.",
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        names.check_name(name)
        return name

    def clean(self) -> None:
        _check_strength(self, "password", self.cleaned_data.get("name", ""))


class ChangePasswordForm(FocusedForm):
    """For the signed-in viewer of that name."""

    current = PasswordField(label="Current password", autocomplete="current-password")
    new = PasswordField(
        label="New password", autocomplete="new-password", help_text="10 characters or more."
    )

    def __init__(self, data: Any = None, *, name: str) -> None:
        super().__init__(data)
        self._name = name

    def clean(self) -> None:
        _check_strength(self, "new", self._name)


class DeleteAccountForm(FocusedForm):
    password = PasswordField(autocomplete="current-password")


def asked_next(request: HttpRequest) -> str:
    """Where the query wants to go afterwards, bounded as in the form."""
    return _bounded_path(request.GET.get("next", ""))


def _bounded_path(asked: str) -> str:
    return local_path(asked if len(asked) <= NEXT_LENGTH else "")


@sensitive_variables()
def _check_strength(form: forms.Form, field: str, name: str) -> None:
    """Only where the password could be read at all."""
    password = form.cleaned_data.get(field)
    if not password:
        return
    try:
        passwords.check_strength(password, name=name)
    except ValidationError as error:
        form.add_error(field, error)
