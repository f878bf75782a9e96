-- What the change data capture of a promotions table sends: the row in an envelope.
CREATE STREAM tbl_promotions_raw (payload STRUCT<
    id INT,
    event_name STRING,
    disc INT,
    time STRING,
    created_at STRING>)
  WITH (KAFKA_TOPIC = 'table.public.tbl_promotions', VALUE_FORMAT = 'JSON');
