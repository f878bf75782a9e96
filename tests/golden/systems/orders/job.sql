-- Orders enriched with their customers, over JSON envelopes of change data.
CREATE STREAM customers (before STRUCT<id VARCHAR, name VARCHAR, age INT, membership VARCHAR>,
    after STRUCT<id VARCHAR, name VARCHAR, age INT, membership VARCHAR>, op VARCHAR, ts_ms BIGINT)
  WITH (KAFKA_TOPIC = 'postgres.public.customers', VALUE_FORMAT = 'JSON');
create stream orders (after struct<customer_id varchar, order_id varchar, price int, product_code varchar>)
  with (kafka_topic = 'postgres.public.orders', value_format = 'json');
CREATE STREAM customers_flattened AS
  SELECT after->id AS id, after->name AS name, after->age AS age, after->membership AS membership FROM customers EMIT CHANGES;
CREATE STREAM orders_flattened AS
  SELECT after->customer_id, after->order_id, after->price, after->product_code FROM orders EMIT CHANGES;
CREATE TABLE customers_by_key AS
  SELECT id, LATEST_BY_OFFSET(name) AS name, LATEST_BY_OFFSET(age) AS age, LATEST_BY_OFFSET(membership) AS membership
  FROM customers_flattened GROUP BY id EMIT CHANGES;
CREATE STREAM enriched_orders AS
  SELECT c.id AS customer_id, o.order_id AS order_id, o.price AS price, o.product_code AS product_code, c.name AS customer_name,
    c.age AS customer_age, c.membership AS customer_membership
  FROM orders_flattened o INNER JOIN customers_by_key c ON o.customer_id = c.id EMIT CHANGES;
CREATE STREAM expensive AS SELECT * FROM enriched_orders WHERE price > 300 AND customer_membership != 'premium' EMIT CHANGES;
CREATE TABLE by_product AS SELECT product_code, COUNT(*) FROM enriched_orders GROUP BY product_code EMIT CHANGES;
