CREATE STREAM tbl_product_clean WITH (KAFKA_TOPIC = 'tbl_product_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT payload->id AS id,
    payload->product_name AS product_name,
    payload->category AS category,
    payload->sub_category AS sub_category,
    payload->price AS price,
    payload->profit AS profit,
    payload->stock AS stock,
    payload->created_time AS created_time,
    payload->modified_time AS modified_time
  FROM tbl_product_raw
  PARTITION BY payload->id
  EMIT CHANGES;
