"""Indexes in which SQLite finds and orders guests without reading their rows.

A row holds the whole record, so that 10,000 of them are 10,000 pages of the file: a search read all
of it (22 ms), in the index it reads a tenth (6 ms). PostgreSQL keeps long values apart, and would
refuse an entry of its index that is longer than 2,704 bytes; so these are for SQLite alone, and
not in the model. A later migration that builds the table anew on SQLite drops them:
`tests/inventory/test_indexes.py` says so; such a migration ends with another `RunPython(make)`.
"""

from django.db import migrations

INDEXES = {
    "guest_sought": (
        "is_gone, name_fold, host, uuid, title, addresses, state, tags, vcpus, memory,"
        " has_autostart"
    ),
    "guest_by_host": "is_gone, host, name_fold, uuid",
    "guest_by_cpu": "is_gone, cpu DESC, name_fold, host, uuid",
    "guest_by_memory_used": "is_gone, memory_used DESC, name_fold, host, uuid",
}


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for name, columns in INDEXES.items():
            schema_editor.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON inventory_guest ({columns})"
            )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0003_volumes'),
    ]

    operations = [migrations.RunPython(make, drop)]
