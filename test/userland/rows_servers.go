package main

import "regexp"

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
	{name: "server/python", packages: "python3",
		about:  "http.server of python3, threaded, and a forking server",
		files:  map[string]string{"servers.py": pythonServers},
		script: `python3 -W ignore /work/servers.py`,
		want:   "http 20\nfork {b'True hi\\n'}\n"},
}

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
