-- Inserts, indexes, joins, aggregates, text functions and a recursive query.
CREATE TABLE item(id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, price REAL);
CREATE TABLE sale(id INTEGER PRIMARY KEY, item INTEGER, day INTEGER, amount INTEGER);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
INSERT INTO item SELECT i, i * 7919 % 83, 'item-' || (i * 31 % 997), i * 0.25 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO sale SELECT i, i * 104729 % 8000 + 1, i * 13 % 365, i % 9 + 1 FROM n;
COMMIT;
CREATE INDEX sale_item ON sale(item);
CREATE INDEX item_kind ON item(kind, name);
SELECT kind, count(*), sum(amount), round(sum(amount * price), 2) FROM sale JOIN item ON item.id = sale.item GROUP BY kind ORDER BY 3 DESC, 1 LIMIT 10;
SELECT name, count(DISTINCT day) FROM item JOIN sale ON sale.item = item.id WHERE name LIKE '%-9_' GROUP BY name ORDER BY 2, 1;
SELECT day, sum(amount), sum(sum(amount)) OVER (ORDER BY day) FROM sale GROUP BY day ORDER BY day LIMIT 10 OFFSET 100;
UPDATE sale SET amount = amount + 1 WHERE item IN (SELECT id FROM item WHERE kind < 20);
DELETE FROM sale WHERE day % 7 = 3;
SELECT count(*), sum(amount), min(day), max(day) FROM sale;
SELECT length(group_concat(upper(substr(name, 3)) || hex(kind), ',')) FROM item;
WITH RECURSIVE c(n, s) AS (SELECT 27, 0 UNION ALL SELECT CASE n % 2 WHEN 0 THEN n / 2 ELSE 3 * n + 1 END, s + 1 FROM c WHERE n > 1)
SELECT max(s), max(n) FROM c;
