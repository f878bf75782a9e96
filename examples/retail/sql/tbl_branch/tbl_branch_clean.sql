CREATE STREAM tbl_branch_clean WITH (KAFKA_TOPIC = 'tbl_branch_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT payload->id AS id,
    payload->name AS name,
    payload->location AS location,
    payload->address AS address,
    payload->email AS email,
    payload->phone AS phone,
    payload->created_time AS created_time,
    payload->modified_time AS modified_time
  FROM tbl_branch_raw
  PARTITION BY payload->id
  EMIT CHANGES;
