CREATE STREAM tbl_customers_clean WITH (KAFKA_TOPIC = 'tbl_customers_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT payload->id AS id,
    payload->name AS name,
    payload->address AS address,
    payload->phone AS phone,
    payload->email AS email,
    payload->created_at AS created_at,
    payload->modified_at AS modified_at
  FROM tbl_customers_raw
  PARTITION BY payload->id
  EMIT CHANGES;
