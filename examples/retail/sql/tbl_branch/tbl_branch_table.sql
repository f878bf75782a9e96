CREATE TABLE tbl_branch_table (
    id INT PRIMARY KEY,
    name STRING,
    location STRING,
    address STRING,
    email STRING,
    phone STRING,
    created_time STRING,
    modified_time STRING)
  WITH (KAFKA_TOPIC = 'tbl_branch_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON');
