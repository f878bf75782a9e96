CREATE TABLE tbl_employee_table (
    id INT PRIMARY KEY,
    branch_id INT,
    name STRING,
    salary BIGINT)
  WITH (KAFKA_TOPIC = 'tbl_employee_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON');
