CREATE STREAM tbl_employee_clean WITH (KAFKA_TOPIC = 'tbl_employee_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT payload->id AS id,
    payload->branch_id AS branch_id,
    payload->name AS name,
    payload->salary AS salary,
    payload->active AS active,
    payload->address AS address,
    payload->phone AS phone,
    payload->email AS email,
    payload->created_at AS created_at
  FROM tbl_employee_raw
  PARTITION BY payload->id
  EMIT CHANGES;
