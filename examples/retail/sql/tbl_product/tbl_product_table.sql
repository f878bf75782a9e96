CREATE TABLE tbl_product_table (
    id INT PRIMARY KEY,
    product_name STRING,
    category STRING,
    sub_category STRING,
    price INT,
    profit INT,
    stock INT,
    created_time STRING,
    modified_time STRING)
  WITH (KAFKA_TOPIC = 'tbl_product_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON');
