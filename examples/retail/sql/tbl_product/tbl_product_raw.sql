-- What the change data capture of a product table sends: the row in an envelope.
CREATE STREAM tbl_product_raw (payload STRUCT<
    id INT,
    product_name STRING,
    category STRING,
    sub_category STRING,
    price INT,
    profit INT,
    stock INT,
    created_time STRING,
    modified_time STRING>)
  WITH (KAFKA_TOPIC = 'table.public.tbl_product', VALUE_FORMAT = 'JSON');
