-- Bonuses with the employee they are for. TS is an INTEGER on purpose: milliseconds wrap around.
SET 'auto.offset.reset' = 'earliest';
CREATE STREAM payroll_stream (employee_id INTEGER KEY, first_name VARCHAR, last_name VARCHAR, age INTEGER, ssn VARCHAR,
    hourly_rate INTEGER, gender VARCHAR, email VARCHAR)
  WITH (KAFKA_TOPIC = 'topic_payroll', VALUE_FORMAT = 'JSON');
CREATE STREAM payroll_bonus_stream (employee_id INTEGER KEY, bonus INTEGER, ts INTEGER)
  WITH (KAFKA_TOPIC = 'topic_ksql_1', VALUE_FORMAT = 'JSON');
CREATE TABLE payroll_table WITH (VALUE_FORMAT = 'JSON') AS
  SELECT employee_id, LATEST_BY_OFFSET(first_name) AS first_name, LATEST_BY_OFFSET(last_name) AS last_name,
    LATEST_BY_OFFSET(age) AS age, LATEST_BY_OFFSET(ssn) AS ssn, LATEST_BY_OFFSET(hourly_rate) AS hourly_rate,
    LATEST_BY_OFFSET(gender) AS gender, LATEST_BY_OFFSET(email) AS email
  FROM payroll_stream GROUP BY employee_id EMIT CHANGES;
CREATE STREAM payroll_complete_stream WITH (KAFKA_TOPIC = 'topic_payroll_complete', VALUE_FORMAT = 'JSON', PARTITIONS = 1) AS
  SELECT p.employee_id, p.first_name + ' ' + p.last_name AS full_name, p.age AS age, p.ssn AS ssn, p.hourly_rate AS hourly_rate,
    b.bonus AS bonus, b.ts AS ts, p.gender AS gender, p.email AS email
  FROM payroll_bonus_stream b INNER JOIN payroll_table p ON b.employee_id = p.employee_id EMIT CHANGES;
CREATE STREAM paid_soon AS
  SELECT s.employee_id AS employee_id, s.last_name AS last_name, b.bonus AS bonus
  FROM payroll_stream s LEFT JOIN payroll_bonus_stream b WITHIN 10 MINUTES GRACE PERIOD 2 MINUTES ON s.employee_id = b.employee_id
  EMIT CHANGES;
SHOW TABLES;
