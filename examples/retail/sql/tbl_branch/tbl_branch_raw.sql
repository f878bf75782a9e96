-- What the change data capture of a branch table sends: the row in an envelope.
CREATE STREAM tbl_branch_raw (payload STRUCT<
    id INT,
    name STRING,
    location STRING,
    address STRING,
    email STRING,
    phone STRING,
    created_time STRING,
    modified_time STRING>)
  WITH (KAFKA_TOPIC = 'table.public.tbl_branch', VALUE_FORMAT = 'JSON');
