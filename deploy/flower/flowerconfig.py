"""Flower's face: jobs instead of tasks. Flower executes this file before it builds anything, so no fork is needed.

Names that Flower knows as options become its options: https://flower.readthedocs.io/en/latest/config.html
"""

import os

from config.settings import load
from workers.flower import doors, rows
from workers.flower.access import credentials, gateway_url, operator_token

_settings = load(os.environ)

basic_auth = [credentials(_settings)]
tasks_columns = ",".join(rows.COLUMNS)
format_task = rows.format_task
max_tasks = 20_000
# Its own ways to change workers and tasks stay shut; the Revoke button is ours.
read_only = True

rows.install()
doors.install(gateway=gateway_url(_settings, os.environ), token=operator_token(_settings, os.environ))
