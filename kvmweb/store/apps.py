"""The app of what is ours."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """People, teams, grants, hosts, consoles, jobs and audit."""

    name = "kvmweb.store"
    label = "store"

    def ready(self) -> None:
        """Give every sign-in its row."""
        from django.contrib.auth.signals import user_logged_in

        from kvmweb.store.sessions import open_row

        user_logged_in.connect(open_row, dispatch_uid="kvmweb.store.open_row")
