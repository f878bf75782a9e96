CREATE STREAM tbl_promotions_clean WITH (KAFKA_TOPIC = 'tbl_promotions_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT payload->id AS id,
    payload->event_name AS event_name,
    payload->disc AS disc,
    payload->time AS time,
    payload->created_at AS created_at
  FROM tbl_promotions_raw
  PARTITION BY payload->time
  EMIT CHANGES;
