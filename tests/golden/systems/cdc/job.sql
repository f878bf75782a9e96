-- History of change data, the last record of each row, and what employees sold.
CREATE STREAM sales_raw (payload STRUCT<sales_id INT, customer_id INT, sales_amount INT, sales_territory_id INT, employee_id INT,
    __op STRING, __lsn BIGINT, __source_ts_ms BIGINT, __deleted STRING>)
  WITH (KAFKA_TOPIC = 'rembo.public.sales', VALUE_FORMAT = 'JSON');
CREATE STREAM employee_raw (payload STRUCT<employee_id INT, employee_name STRING, sales_territory_id INT, __lsn BIGINT, __deleted STRING>)
  WITH (KAFKA_TOPIC = 'rembo.public.employee', VALUE_FORMAT = 'JSON');
CREATE STREAM territory_raw (payload STRUCT<sales_territory_id INT, sales_territory_country STRING, sales_territory_region STRING>)
  WITH (KAFKA_TOPIC = 'rembo.public.sales_territory', VALUE_FORMAT = 'JSON');
CREATE STREAM sales_history WITH (KEY_FORMAT = 'JSON') AS
  SELECT payload->sales_id AS sales_id, payload->sales_amount AS sales_amount, payload->sales_territory_id AS territory_id,
    payload->employee_id AS employee_id, payload->__lsn AS record_version, payload->__source_ts_ms AS source_updated_at_ms,
    CASE payload->__op WHEN 'c' THEN 'create' WHEN 'u' THEN 'update' WHEN 'd' THEN 'delete' WHEN 'r' THEN 'read' END AS db_action,
    CASE WHEN payload->__deleted = 'true' THEN 1 ELSE 0 END AS is_deleted
  FROM sales_raw WHERE payload IS NOT NULL PARTITION BY payload->sales_id EMIT CHANGES;
CREATE TABLE sales_last AS
  SELECT sales_id, LATEST_BY_OFFSET(sales_amount) AS sales_amount, LATEST_BY_OFFSET(territory_id) AS territory_id,
    LATEST_BY_OFFSET(employee_id) AS employee_id, MAX(record_version) AS record_version, LATEST_BY_OFFSET(is_deleted) AS is_deleted
  FROM sales_history GROUP BY sales_id EMIT CHANGES;
CREATE TABLE employee_last WITH (KEY_FORMAT = 'JSON') AS
  SELECT payload->employee_id AS employee_id, LATEST_BY_OFFSET(payload->employee_name) AS employee_name
  FROM employee_raw GROUP BY payload->employee_id EMIT CHANGES;
CREATE TABLE territory_last WITH (KEY_FORMAT = 'JSON') AS
  SELECT payload->sales_territory_id AS territory_id, LATEST_BY_OFFSET(payload->sales_territory_country) AS country
  FROM territory_raw GROUP BY payload->sales_territory_id EMIT CHANGES;
CREATE TABLE sales_live AS SELECT * FROM sales_last WHERE is_deleted = 0 EMIT CHANGES;
CREATE TABLE sales_of_employees AS
  SELECT s.sales_id AS sales_id, s.sales_amount AS sales_amount, s.territory_id AS territory_id, s.employee_id AS employee_id,
    e.employee_name AS employee_name
  FROM sales_live s LEFT JOIN employee_last e ON s.employee_id = e.employee_id EMIT CHANGES;
CREATE TABLE sales_with_place AS
  SELECT s.sales_id AS sales_id, s.sales_amount AS sales_amount, s.employee_id AS employee_id, s.employee_name AS employee_name, t.country AS country
  FROM sales_of_employees s LEFT JOIN territory_last t ON s.territory_id = t.territory_id EMIT CHANGES;
CREATE TABLE employee_performance AS
  SELECT employee_id, employee_name, country, SUM(sales_amount) AS sales_total_amount, COUNT(*) AS sales_count
  FROM sales_with_place GROUP BY employee_id, employee_name, country EMIT CHANGES;
