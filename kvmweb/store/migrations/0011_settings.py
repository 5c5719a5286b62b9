"""What an administrator set in the portal."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0010_guest_versions")]

    operations = [
        migrations.CreateModel(
            name="Setting",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("value", models.JSONField()),
            ],
        ),
    ]
