-- What the change data capture of a customers table sends: the row in an envelope.
CREATE STREAM tbl_customers_raw (payload STRUCT<
    id INT,
    name STRING,
    address STRING,
    phone STRING,
    email STRING,
    created_at STRING,
    modified_at STRING>)
  WITH (KAFKA_TOPIC = 'table.public.tbl_customers', VALUE_FORMAT = 'JSON');
