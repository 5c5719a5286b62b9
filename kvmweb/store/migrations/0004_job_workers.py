from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0003_job_undo")]

    operations = [
        migrations.CreateModel(
            name="JobWorker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120, unique=True)),
                ("beat_at", models.DateTimeField()),
            ],
        ),
    ]
