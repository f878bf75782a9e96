CREATE STREAM flat (transaction_id VARCHAR, user_id VARCHAR, type VARCHAR, product_id VARCHAR, amount DOUBLE, quantity INT, ip VARCHAR, currency VARCHAR, payment_method VARCHAR) WITH (kafka_topic='flat', value_format='json');
CREATE STREAM usd AS SELECT *, CASE WHEN currency = 'EUR' THEN amount * 1.08 ELSE amount END AS amount_usd, MD5(user_id) user_hash, CONCAT(SUBSTRING(ip,1,8),'xxx.xxx') AS ip_masked FROM flat WHERE amount > 700;
CREATE TABLE per_user AS SELECT CONCAT(user_id, '-', type), SUM(amount_usd) AS total FROM usd GROUP BY CONCAT(user_id, '-', type);
CREATE TABLE windows AS SELECT type, WINDOWSTART AS window_start, WINDOWEND AS window_end, SUM(amount_usd) AS total FROM usd WINDOW TUMBLING (SIZE 5 MINUTES) GROUP BY type;
CREATE TABLE per_method AS SELECT payment_method, SUM(amount) FROM flat GROUP BY payment_method;
CREATE TABLE per_product AS SELECT product_id, SUM(quantity) AS n FROM flat GROUP BY product_id;
