-- What the change data capture of an employee table sends: the row in an envelope.
CREATE STREAM tbl_employee_raw (payload STRUCT<
    id INT,
    branch_id INT,
    name STRING,
    salary INT,
    active STRING,
    address STRING,
    phone STRING,
    email STRING,
    created_at STRING>)
  WITH (KAFKA_TOPIC = 'table.public.tbl_employee', VALUE_FORMAT = 'JSON');
