package main

import (
	"regexp"
	"time"
)

// worldServers run a server and its clients on the loopback network. Answers are
// checked, and what the server says of itself.
var worldServers = []worldRow{
	{name: "server/nginx", packages: "nginx-light apache2-utils curl",
		about: "nginx with two workers; ab's 400 requests by 8 connections; a reload, which makes new workers; a large file with ranges",
		script: `seq 200000 >/var/www/html/big; echo hello >/var/www/html/hello
sed -i 's/^worker_processes.*/worker_processes 2;/' /etc/nginx/nginx.conf
nginx
for i in $(seq 100); do curl -sf -o /dev/null localhost/hello && break; sleep 0.1; done
curl -s localhost/hello
ab -q -n 400 -c 8 -k http://localhost/hello | grep -E '^(Complete|Failed|Keep-Alive) requests'
curl -s localhost/big | cksum; cksum </var/www/html/big
curl -s -r 100-105 localhost/big | od -c | head -1
old=$(pgrep -c -P "$(cat /run/nginx.pid)" nginx); nginx -s reload; sleep 1
ab -q -n 100 -c 4 http://localhost/hello | grep -E '^(Complete|Failed) requests'
echo workers "$old"
curl -s -o /dev/null -w '%{http_code}\n' localhost/none
nginx -s quit; for i in $(seq 100); do [ -e /run/nginx.pid ] || break; sleep 0.1; done; [ ! -e /run/nginx.pid ] && echo gone`,
		match: regexp.MustCompile(`(?s)^hello\nComplete requests: +400\nFailed requests: +0\nKeep-Alive requests: +400\n(\d+ 1288895)\n\d+ 1288895\n0000000.*\nComplete requests: +100\nFailed requests: +0\nworkers 2\n404\ngone\n$`)},
	{name: "server/redis", packages: "redis-server redis-tools",
		about: "redis with redis-benchmark, BGSAVE by a fork of the server with its threads, AOF rewriting, and a restart from what was saved",
		script: `cd /work
redis-server --port 6400 --daemonize yes --dir /work --io-threads 2 --pidfile /work/pid --logfile /work/log --appendonly no >/dev/null
r() { redis-cli -p 6400 "$@"; }
for i in $(seq 100); do r ping >/dev/null 2>&1 && break; sleep 0.1; done
seq 2000 | sed 's/.*/set key& value&/' | r | sort | uniq -c | tr -s ' '
redis-benchmark -p 6400 -q -n 1000 -c 10 -t set,get,lpush | tr '\r' '\n' | grep -c 'requests per second'
for k in 1 2 3; do
	r bgsave; for i in $(seq 200); do r info persistence | grep -q 'rdb_bgsave_in_progress:0' && break; sleep 0.05; done
	r info persistence | grep rdb_last_bgsave_status | tr -d '\r'
done
r config set appendonly yes
for i in $(seq 200); do r info persistence | grep -q 'aof_rewrite_in_progress:0' && break; sleep 0.05; done
r info persistence | grep aof_last_bgrewrite_status | tr -d '\r'
r config set appendonly no
r shutdown save || true
redis-server --port 6400 --daemonize yes --dir /work --logfile /work/log >/dev/null
for i in $(seq 100); do r ping >/dev/null 2>&1 && break; sleep 0.1; done
r get key1777
r shutdown nosave || true`,
		want: " 2000 OK\n3\nBackground saving started\nrdb_last_bgsave_status:ok\nBackground saving started\nrdb_last_bgsave_status:ok\nBackground saving started\nrdb_last_bgsave_status:ok\nOK\naof_last_bgrewrite_status:ok\nOK\nvalue1777\n"},
	{name: "server/ssh", packages: "openssh-server openssh-client",
		about: "sshd with a session by key, a terminal, a pipe of a megabyte, scp, and a command's exit status",
		script: `mkdir -p /run/sshd /root/.ssh; chmod 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -A >/dev/null
/usr/sbin/sshd -p 2200 -o UsePAM=no -E /work/log
s() { ssh -q -p 2200 -o StrictHostKeyChecking=no -o BatchMode=yes "$@"; }
for i in $(seq 50); do s localhost true && break; sleep 0.2; done
s localhost 'echo as $USER; exit 23' || echo status $?
[ "$(seq 150000 | s localhost cksum)" = "$(seq 150000 | cksum)" ] && echo sums
s -tt localhost 'tty | sed s/[0-9]*$//; exit' </dev/null | tr -d '\r'
scp -q -P 2200 -o StrictHostKeyChecking=no /work/words.txt localhost:/work/copy; cmp /work/words.txt /work/copy && echo same
kill "$(cat /run/sshd.pid)"`,
		want: "as root\nstatus 23\nsums\n/dev/pts/\nsame\n"},
	{name: "server/memcached", packages: "memcached", slow: true,
		about: "memcached with four threads, spoken to by bash",
		script: `memcached -u nobody -l 127.0.0.1 -p 11300 -d -P /tmp/pid
for i in $(seq 50); do (exec 3<>/dev/tcp/127.0.0.1/11300) 2>/dev/null && break; sleep 0.1; done
exec 3<>/dev/tcp/127.0.0.1/11300
printf 'set k 0 0 5\r\nhello\r\nget k\r\nincr n 1\r\nset n 0 0 2\r\n41\r\nincr n 1\r\nquit\r\n' >&3; tr -d '\r' <&3
kill "$(pgrep memcached)"`,
		want: "STORED\nVALUE k 0 5\nhello\nEND\nNOT_FOUND\nSTORED\n42\n"},
	{name: "server/mosquitto", packages: "mosquitto mosquitto-clients", slow: true,
		about: "an MQTT broker, a subscriber and a publisher",
		script: `mosquitto -p 1890 -d
mosquitto_sub -p 1890 -t 'a/#' -C 3 -v >/work/got 2>/dev/null & sub=$!
for i in $(seq 100); do mosquitto_pub -p 1890 -t probe -m x 2>/dev/null && break; sleep 0.1; done
sleep 2; for i in 1 2 3; do mosquitto_pub -p 1890 -t a/$i -m "message $i" -q 1; done
wait $sub; cat /work/got; pkill mosquitto`,
		want: "a/1 message 1\na/2 message 2\na/3 message 3\n"},
	{name: "server/lighttpd-rsync", packages: "lighttpd curl rsync", slow: true,
		about: "lighttpd with a CGI script, and rsync as a daemon and its client",
		script: `mkdir -p /work/www/cgi /work/from/d; seq 5000 >/work/from/d/a; cp /work/words.txt /work/from/
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"; echo "query $QUERY_STRING"; cat\n' >/work/www/cgi/x; chmod +x /work/www/cgi/x
printf 'server.modules=("mod_cgi")\nserver.document-root="/work/www"\nserver.port=8090\nserver.pid-file="/work/pid"\ncgi.assign=("/cgi/x"=>"")\n' >/work/conf
lighttpd -f /work/conf
for i in $(seq 50); do curl -sf -o /dev/null 'localhost:8090/cgi/x?0' && break; sleep 0.1; done
for i in 1 2 3; do curl -s --data "body $i" "localhost:8090/cgi/x?$i"; echo; done
kill "$(cat /work/pid)"
printf '[m]\npath=/work/from\nuse chroot=no\n' >/work/rsyncd.conf
rsync --daemon --port 8730 --config /work/rsyncd.conf
for i in $(seq 50); do rsync --port 8730 localhost::m >/dev/null 2>&1 && break; sleep 0.1; done
rsync -a --port 8730 localhost::m /work/to; diff -r /work/from /work/to && echo same; pkill rsync`,
		want: "query 1\nbody 1\nquery 2\nbody 2\nquery 3\nbody 3\nsame\n"},
	{name: "server/postgresql", packages: "postgresql", slow: true, limit: 5 * time.Minute,
		about:  "initdb, queries that are compiled by LLVM and run by parallel workers, pgbench's four clients, and recovery from a crash",
		files:  map[string]string{"session": postgresSession},
		script: `mkdir /tmp/pg; chown postgres /tmp/pg; setpriv --reuid=postgres --regid=postgres --init-groups bash -e /work/session`,
		want: `20000|200010000|1885688.586|00003e3b9e5336685200ae85d21b4f5e
23416728348467685
2666666660000
19910|637120
number of transactions actually processed: 200/200
t
ERROR:  division by zero
20000
`},
	{name: "server/apache", packages: "apache2 apache2-utils haproxy varnish curl", slow: true,
		about: "apache with threads, a CGI script by its daemon, and a graceful restart; haproxy and varnish, which compiles its configuration, before it",
		files: map[string]string{
			"cgi":         "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; echo \"query $QUERY_STRING\"\n",
			"apache.conf": apacheConf,
			"haproxy.cfg": "defaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n  timeout connect 5s\nlisten l\n  bind 127.0.0.1:8082\n  server s 127.0.0.1:8081\n",
			"varnish.vcl": "vcl 4.1;\nbackend default { .host = \"127.0.0.1\"; .port = \"8081\"; }\n",
		},
		script: `mkdir /tmp/cgi /tmp/www; cp cgi /tmp/cgi/x; seq 100000 >/tmp/www/big; chmod -R a+rX /tmp/cgi /tmp/www
answers() { for i in $(seq 100); do curl -sf -o /dev/null "localhost:$1/big" && break; sleep 0.2; done; }
apache2 -f /work/apache.conf; answers 8081
curl -s 'localhost:8081/cgi/x?1'
ab -q -n 200 -c 8 http://localhost:8081/big | grep -E '^(Complete|Failed) requests' | tr -s ' '
apache2 -f /work/apache.conf -k graceful; answers 8081
haproxy -D -p /tmp/haproxy -f haproxy.cfg; answers 8082
varnishd -f /work/varnish.vcl -a 127.0.0.1:8083 -n /tmp/varnish -s malloc,32m -j none 2>/dev/null; answers 8083
for port in 8081 8082 8083; do curl -s localhost:$port/big | cmp - /tmp/www/big && echo same; done
kill $(cat /tmp/haproxy /tmp/apache)`,
		want: "query 1\nComplete requests: 200\nFailed requests: 0\nsame\nsame\nsame\n"},
	{name: "server/etcd", packages: "etcd-server caddy curl", slow: true,
		about: "servers made by Debian's Go: etcd's keys, and caddy's files",
		script: `etcd --data-dir /tmp/etcd 2>/work/log & e=$!
for i in $(seq 100); do curl -s localhost:2379/health | grep -q true && break; sleep 0.2; done
curl -s localhost:2379/v3/kv/put -d '{"key":"Zm9v","value":"YmFy"}' >/dev/null
curl -s localhost:2379/v3/kv/range -d '{"key":"Zm9v"}' | grep -o '"value":"[^"]*"'
caddy file-server --listen 127.0.0.1:8090 --root /work 2>/dev/null & c=$!
for i in $(seq 100); do curl -sf -o /dev/null localhost:8090/words.txt && break; sleep 0.2; done
curl -s localhost:8090/words.txt | cmp - words.txt && echo same
kill $e $c`,
		want: "\"value\":\"YmFy\"\nsame\n"},
	{name: "server/python", packages: "python3",
		about:  "http.server of python3, threaded, and a forking server",
		files:  map[string]string{"servers.py": pythonServers},
		script: `python3 -W ignore /work/servers.py`,
		want:   "http 20\nfork {b'True hi\\n'}\n"},
}

const postgresSession = `PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
cd /tmp/pg; export PGHOST=/tmp/pg
initdb -D d --no-sync -A trust -E UTF8 --locale=C.UTF-8 >init
printf "jit_above_cost = 0\nunix_socket_directories = '/tmp/pg'\n" >>d/postgresql.conf
start() { pg_ctl -D d -w -t 100 -l log start >/dev/null; }
start
psql -d postgres -qAt <<'END'
create table t(id int primary key, v text, x double precision);
insert into t select i, md5(i::text), sqrt(i) from generate_series(1, 20000) i;
create index on t(v); analyze t;
select count(*), sum(id), round(sum(x)::numeric, 3), min(v) from t;
create function fib(n int) returns bigint language plpgsql as $$ declare a bigint := 0; b bigint := 1; c bigint;
begin for i in 1..n loop c := a + b; a := b; b := c; end loop; return a; end $$;
select fib(80);
select sum(a.id::bigint * b.id) from t a join t b on a.id = b.id + 1;
set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
select count(*), sum(length(v)) from t where x > 9.5;
END
pgbench -i -q postgres >/dev/null 2>&1
pgbench -c 4 -j 2 -t 50 postgres 2>/dev/null | grep 'actually processed'
psql -d postgres -qAt -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers)'
psql -d postgres -c 'select 1/0' 2>&1 || true
pg_ctl -D d -m immediate stop >/dev/null; start
psql -d postgres -qAt -c 'select count(*) from t'
pg_ctl -D d -m fast stop >/dev/null
`

const apacheConf = `ServerRoot /tmp
ServerName x
PidFile /tmp/apache
Listen 127.0.0.1:8081
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
ScriptSock /tmp/cgisock
User www-data
Group www-data
ErrorLog /tmp/apache.log
DocumentRoot /tmp/www
ScriptAlias /cgi/ /tmp/cgi/
`

const pythonServers = `import http.server, os, socket, socketserver, threading, urllib.request
parent = os.getpid()
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(str(os.getppid() == parent).encode() + b' ' + self.rfile.readline())
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
os.chdir('/work')
web = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)
threading.Thread(target=web.serve_forever, daemon=True).start()
want = open('words.txt', 'rb').read()
url = 'http://127.0.0.1:%d/words.txt' % web.server_port
print('http', sum(urllib.request.urlopen(url).read() == want for i in range(20)))
forking = socketserver.ForkingTCPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=forking.serve_forever, daemon=True).start()
got = set()
for i in range(10):
    s = socket.create_connection(forking.server_address)
    s.sendall(b'hi\n')
    got.add(s.makefile('rb').read())
print('fork', got)
forking.shutdown()
web.shutdown()
`
