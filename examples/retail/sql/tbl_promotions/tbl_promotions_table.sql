CREATE TABLE tbl_promotions_table (
    time STRING PRIMARY KEY,
    id INT,
    event_name STRING,
    disc INT)
  WITH (KAFKA_TOPIC = 'tbl_promotions_convert', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON');
