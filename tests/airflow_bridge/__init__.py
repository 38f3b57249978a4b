"""Tests of ``airflow_bridge/``."""
