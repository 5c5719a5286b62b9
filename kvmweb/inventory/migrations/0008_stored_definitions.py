"""What the next start brings, beside what runs. Every guest is written anew at its next reading."""

from typing import Any

from django.db import migrations, models


def read_again(apps: Any, _editor: Any) -> None:
    apps.get_model("inventory", "Guest").objects.update(digest="")


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_recycle_bin")]

    operations = [
        migrations.AddField(
            model_name="guestdefinition",
            name="stored_xml",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.RunPython(read_again, migrations.RunPython.noop),
    ]
