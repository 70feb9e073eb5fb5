"""What the parts above may want to know of a viewer. Both are sent in the request's own thread.

A receiver that raises a `DataError` is called again later with the same arguments: it has to be
able to do its work twice.
"""

from django.dispatch import Signal

signed_in = Signal()
"""`anonymous_id`, `viewer_id`: who was anonymous in this session is now that viewer.

Sent several times for one sign-in. `settled` the last time: what was done anywhere before it has
long reached every region.
"""

account_deleted = Signal()
"""`viewer_id`: everything of this viewer is to be deleted, but for `sessions.SESSIONS_KEY`."""
