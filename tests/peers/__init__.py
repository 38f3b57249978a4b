"""The probes, put to Airflow's operator and to Remora side by side."""
