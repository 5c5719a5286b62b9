"""Every definition that was seen of a guest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0009_upload_made")]

    operations = [
        migrations.CreateModel(
            name="GuestVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("host", models.CharField(max_length=31)),
                ("uuid", models.CharField(max_length=36)),
                ("name", models.CharField(max_length=255)),
                ("seen_at", models.DateTimeField()),
                ("digest", models.CharField(max_length=64)),
                ("xml", models.TextField()),
                ("is_first", models.BooleanField(default=False)),
                ("is_newest", models.BooleanField(default=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["host", "uuid", "-id"], name="version_of_guest"),
                    models.Index(
                        condition=models.Q(("is_newest", True)),
                        fields=["host", "uuid"],
                        name="version_newest",
                    ),
                ],
            },
        ),
    ]
