#!/usr/bin/env python
"""Run the portal's commands: `python manage.py help`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.umask(0o077)  # what the data folder holds is for the portal's own user alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
    execute_from_command_line(sys.argv)
