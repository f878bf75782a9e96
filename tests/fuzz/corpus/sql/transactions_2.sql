CREATE STREAM flat (type VARCHAR, amount DOUBLE) WITH (kafka_topic='flat', value_format='json');
CREATE TABLE totals AS SELECT type, SUM(amount) AS total FROM flat GROUP BY type;
CREATE TABLE totals AS SELECT type, SUM(amount) AS total FROM flat GROUP BY type;
