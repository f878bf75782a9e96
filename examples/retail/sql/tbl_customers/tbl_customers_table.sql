CREATE TABLE tbl_customers_table (
    id INT PRIMARY KEY,
    name STRING,
    address STRING,
    phone STRING,
    email STRING,
    created_at STRING,
    modified_at STRING)
  WITH (KAFKA_TOPIC = 'tbl_customers_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON');
