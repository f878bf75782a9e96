CREATE TABLE t (k STRING PRIMARY KEY, g STRING, i INT) WITH (kafka_topic='t', value_format='JSON');
CREATE TABLE v (k STRING PRIMARY KEY, g STRING, i INT) WITH (kafka_topic='v', value_format='JSON');
CREATE TABLE j AS SELECT ROWKEY AS id, t.g AS g, v.i AS i FROM t FULL OUTER JOIN v ON t.k = v.k;
CREATE TABLE f AS SELECT t.k AS k, v.k AS vk, v.i AS i FROM t LEFT JOIN v ON t.g = v.k;
CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS s FROM j GROUP BY g HAVING SUM(i) < 9;
