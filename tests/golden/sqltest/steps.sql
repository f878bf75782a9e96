-- comments may stand before the first test

--@test: a row goes through the whole chain at once
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b AS SELECT id, v + 1 AS v FROM a;
CREATE TABLE c AS SELECT id, SUM(v) AS total FROM b GROUP BY id;
INSERT INTO a (ROWTIME, id, v) VALUES (5, 1, 10);
ASSERT VALUES b (ROWTIME, id, v) VALUES (5, 1, 11);
ASSERT VALUES c (id, total) VALUES (1, 11);
INSERT INTO a VALUES (1, 20);
ASSERT VALUES c (id, total) VALUES (1, 32);
ASSERT STREAM b (id INT KEY, v INT) WITH (KAFKA_TOPIC='B', VALUE_FORMAT='JSON');

--@test: a replaced query goes on with its state
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE TABLE t AS SELECT id, COUNT(v) AS n FROM a WHERE v > 0 GROUP BY id;
INSERT INTO a VALUES (1, 5);
CREATE OR REPLACE TABLE t AS SELECT id, COUNT(v) AS n FROM a WHERE v > 5 GROUP BY id;
INSERT INTO a VALUES (1, 5);
INSERT INTO a VALUES (1, 6);
ASSERT VALUES t (id, n) VALUES (1, 1);
ASSERT VALUES t (id, n) VALUES (1, 2);

--@test: a filtered table deletes what no longer passes
CREATE TABLE a (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE TABLE b AS SELECT * FROM a WHERE v > 1;
INSERT INTO a VALUES (7, 2);
INSERT INTO a VALUES (7, 0);
ASSERT VALUES b (id, v) VALUES (7, 2);
ASSERT NULL VALUES b (id) KEY (7);

--@test: types and streams can be dropped and made anew
CREATE TYPE address AS STRUCT<street STRING, zip INT>;
DROP TYPE address;
CREATE TYPE address AS STRUCT<street STRING>;
CREATE STREAM a (id INT KEY, home address) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b AS SELECT id, home->street AS s FROM a;
DROP STREAM b;
DROP STREAM a;
CREATE STREAM a (id BIGINT KEY, v DECIMAL(4,2)) WITH (KAFKA_TOPIC='a2', VALUE_FORMAT='JSON');
ALTER STREAM a ADD COLUMN w ARRAY<INT>;
INSERT INTO a (v, id, w) VALUES (1.5, 3, ARRAY[1, 2]);
ASSERT VALUES a (id, v, w) VALUES (3, 1.50, ARRAY[1, 2]);

--@test: fields that a STRUCT has not are left out, those not given are NULL
CREATE STREAM a (id INT KEY, s STRUCT<x BIGINT, y STRING>) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
INSERT INTO a VALUES (1, STRUCT(x := 1, z := 'no'));
ASSERT VALUES a (id, s) VALUES (1, STRUCT(x := 1, y := CAST(NULL AS STRING)));

--@test: what is expected wrongly is shown
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
INSERT INTO a VALUES (1, 20);
ASSERT VALUES a (id, v) VALUES (1, 21);

--@test: nothing is left to read
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
ASSERT VALUES a (id, v) VALUES (1, 21);

--@test: a stream that is read cannot be dropped
--@expected.error: KsqlStatementException
--@expected.message: The following streams and/or tables read from this source: [B]
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b AS SELECT * FROM a;
DROP STREAM a;

--@test: a replaced stream keeps its columns
--@expected.error: KsqlException
--@expected.message: (The following columns are changed, missing or reordered: [`V` INTEGER])
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE OR REPLACE STREAM a (id INT KEY, v BIGINT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');

--@test: a refusal may only come last
--@expected.error: KsqlException
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
INSERT INTO a VALUES (1, 'x');
CREATE STREAM b AS SELECT * FROM a;

--@test: a query that is terminated leaves what it wrote
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b AS SELECT * FROM a;
CREATE TABLE c AS SELECT id, COUNT(*) AS n FROM a GROUP BY id;
INSERT INTO a VALUES (1, 20);
TERMINATE CSAS_B_0;
INSERT INTO a VALUES (1, 21);
ASSERT VALUES b (id, v) VALUES (1, 20);
ASSERT VALUES c (id, n) VALUES (1, 1);
ASSERT VALUES c (id, n) VALUES (1, 2);
DROP STREAM b;
TERMINATE ALL;
DROP TABLE c;
DROP STREAM a;

--@test: a query that is not there cannot be terminated
--@expected.error: KsqlException
--@expected.message: Unknown queryId: CSAS_B_1
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b AS SELECT * FROM a;
TERMINATE CSAS_B_1;

--@test: a script that is run
RUN SCRIPT 'scripts/streams.ksql';
INSERT INTO a VALUES (1, 20);
ASSERT VALUES b (id, v) VALUES (1, 21);

--@test: a join cannot be replaced
--@expected.error: KsqlException
--@expected.message: Upgrades not yet supported for StreamTableJoin
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE TABLE t (id INT PRIMARY KEY, w INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');
CREATE STREAM b AS SELECT a.id AS id, v, w FROM a JOIN t ON a.id = t.id;
CREATE OR REPLACE STREAM b AS SELECT a.id AS id, v, w FROM a JOIN t ON a.id = t.id WHERE v > 1;

--@test: a query with a name of its own
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b (id INT KEY, v INT) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON');
INSERT INTO b WITH (QUERY_ID='copy') SELECT * FROM a;
INSERT INTO a VALUES (1, 20);
TERMINATE copy;
INSERT INTO a VALUES (1, 21);
INSERT INTO b WITH (QUERY_ID='copy') SELECT id, v + 1 AS v FROM a;
INSERT INTO a VALUES (1, 22);
ASSERT VALUES b (id, v) VALUES (1, 20);
ASSERT VALUES b (id, v) VALUES (1, 23);

--@test: two queries of one name
--@expected.error: KsqlException
--@expected.message: Query ID 'COPY' already exists.
CREATE STREAM a (id INT KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE STREAM b (id INT KEY, v INT) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON');
INSERT INTO b WITH (QUERY_ID='copy') SELECT * FROM a;
INSERT INTO b WITH (QUERY_ID='COPY') SELECT * FROM a WHERE v > 1;
