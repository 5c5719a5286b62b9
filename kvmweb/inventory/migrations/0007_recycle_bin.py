"""Guests in the recycle bin."""

from importlib import import_module

from django.db import migrations, models

sought = import_module("kvmweb.inventory.migrations.0004_guests_found_in_an_index")


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_interfaces_and_filters")]

    operations = [
        migrations.AddField(
            model_name="guest",
            name="is_binned",
            field=models.BooleanField(default=False),
        ),
        migrations.AddIndex(
            model_name="guest",
            index=models.Index(
                condition=models.Q(("is_binned", True)),
                fields=["host", "uuid"],
                name="guest_binned",
            ),
        ),
        migrations.RunPython(sought.make, migrations.RunPython.noop),
    ]
