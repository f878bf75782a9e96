CREATE STREAM fact_employee WITH (KAFKA_TOPIC = 'fact_employee', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT id, branch_id, name, salary
  FROM tbl_employee_clean
  WHERE active = 'true'
  EMIT CHANGES;
