"""Requests as they come off the wire; the test client makes its own kind, these are built here."""

import pytest
from django.test import RequestFactory

from gtsite.http import Utf8Request

ENCODINGS = ["utf-8", "latin-1", "utf-16", "hex", "idna", "undefined", "klingon"]
FORM = '--x\r\nContent-Disposition: form-data; name="q"\r\n\r\nMéliès\r\n--x--\r\n'


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_query_is_utf_8_whatever_the_request_claims(encoding: str) -> None:
    plain = RequestFactory().get("/browse/?q=M%C3%A9li%C3%A8s")
    claimed = {"CONTENT_TYPE": f"text/plain; charset={encoding}"}
    assert Utf8Request(plain.environ | claimed).GET["q"] == "Méliès"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_multipart_form_is_utf_8_whatever_the_request_claims(encoding: str) -> None:
    kind = "multipart/form-data; boundary=x"
    plain = RequestFactory().generic("POST", "/", FORM.encode(), content_type=kind)
    claimed = {"CONTENT_TYPE": f"{kind}; charset={encoding}"}
    assert Utf8Request(plain.environ | claimed).POST["q"] == "Méliès"
