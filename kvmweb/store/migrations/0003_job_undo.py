from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0002_sign_in")]

    operations = [
        migrations.AddField("job", "undo", models.JSONField(default=list)),
        migrations.AddField("job", "result", models.CharField(blank=True, max_length=120)),
    ]
