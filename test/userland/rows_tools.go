package main

import "time"

// toolRows: the everyday tools of a system.
var toolRows = []worldRow{
	{name: "dpkg", about: "build a package with maintainer scripts and a conffile, install, verify, upgrade, remove and purge it; diversions", limit: 5 * time.Minute,
		files: map[string]string{
			"p/DEBIAN/control":   "Package: hello-x\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n",
			"p/DEBIAN/postinst":  "#!/bin/sh\nset -e\necho postinst $1\nupdate-alternatives --install /usr/bin/hx hx /usr/bin/hello-x 10 >/dev/null\n",
			"p/DEBIAN/prerm":     "#!/bin/sh\necho prerm $1\nupdate-alternatives --remove hx /usr/bin/hello-x 2>/dev/null\n",
			"p/DEBIAN/conffiles": "/etc/hello-x.conf\n",
			"p/etc/hello-x.conf": "setting=1\n",
			"p/usr/bin/hello-x":  "#!/bin/sh\necho hello x\n",
		},
		script: `chmod 755 p p/DEBIAN; dpkg-deb --root-owner-group -b p x1.deb >/dev/null; sed -i s/1.0/2.0/ p/DEBIAN/control; dpkg-deb --root-owner-group -Zgzip -b p x2.deb >/dev/null
dpkg -i x1.deb | grep -E '^(postinst|prerm)'; hx; dpkg -V hello-x; dpkg -S /usr/bin/hello-x; echo changed >>/etc/hello-x.conf; dpkg --force-confold -i x2.deb | grep -E '^(postinst|prerm)'
dpkg-query -W hello-x | tr '\t' ' '; cat /etc/hello-x.conf; dpkg -r hello-x | grep prerm; ls /etc/hello-x.conf; dpkg -P hello-x >/dev/null; ls /etc/hello-x.conf 2>/dev/null || echo purged
dpkg-divert --quiet --local --rename --add /bin/true; ls /usr/bin/true.distrib 2>/dev/null || ls /bin/true.distrib; dpkg --compare-versions 1.10 gt 1.9~rc1 && dpkg --audit`,
		want: "postinst configure\nhello x\nhello-x: /usr/bin/hello-x\nprerm upgrade\npostinst configure\nhello-x 2.0\nsetting=1\nchanged\nprerm remove\n/etc/hello-x.conf\npurged\n/usr/bin/true.distrib\n"},
	{name: "apt", about: "a local repository: update, search, simulate, install with a dependency, autoremove", limit: 6 * time.Minute,
		files: map[string]string{
			"r/a/DEBIAN/control": "Package: test-a\nVersion: 1\nArchitecture: all\nDepends: test-b\nMaintainer: T <t@example.org>\nDescription: depends on the other\n",
			"r/b/DEBIAN/control": "Package: test-b\nVersion: 3\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: the other\n",
		},
		script: `cd r; for p in a b; do chmod 755 $p $p/DEBIAN; dpkg-deb --root-owner-group -b $p test-$p.deb >/dev/null; { cat $p/DEBIAN/control; echo "Filename: ./test-$p.deb"; stat -c 'Size: %s' test-$p.deb; echo "SHA256: $(sha256sum <test-$p.deb | cut -d' ' -f1)"; echo; } >>Packages; done
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/work/r ./' >/etc/apt/sources.list; apt-get -qq -o APT::Sandbox::User=root update; apt-cache search 'the other' | grep ^test- | sort; apt-get -s -qq install test-a | grep ^Inst | cut -d' ' -f2
apt-get -qq -y -o APT::Sandbox::User=root install test-a >/dev/null 2>&1; dpkg-query -W 'test-*' | tr '\t' ' '; apt-get -qq -y remove test-a >/dev/null 2>&1; apt-get -qq -y autoremove >/dev/null 2>&1; dpkg-query -W 'test-*' 2>&1 | wc -l`,
		want: "test-a - depends on the other\ntest-b - the other\ntest-b\ntest-a\ntest-a 1\ntest-b 3\n1\n"},
	{name: "coreutils/processes", about: "timeout, nohup, setsid, nice, env -S, stdbuf, xargs -P, tee, tail -f --pid, mkfifo, split --filter, sort -S with temporary files",
		script: `set +e; timeout 0.3 sleep 9; echo $?; timeout -s KILL 0.3 sleep 9; echo $?; timeout -k 0.3 0.3 sh -c 'trap "" TERM; while :; do sleep 0.1; done'; echo $?
nohup sh -c 'kill -HUP $$; echo survived' 2>/dev/null; setsid -w sh -c 'ps -o sid= -p $$ | tr -d " " | grep -qx $$ && echo leader'; echo $(($(nice -n 5 nice) - $(nice))); env -S 'A=b c=d' sh -c 'echo $A$c'
stdbuf -oL seq 3 | tail -1; seq 100 | xargs -P 8 -n 7 sh -c 'echo $#' x | sort | uniq -c | tr -s ' '; seq 5 | xargs -I{} -P2 sh -c 'exit $(({} == 3))'; echo $?
mkfifo p; (sleep 0.2; echo through) >p & cat p; (for i in 1 2 3; do echo $i; sleep 0.1; done >g) & tail -s 0.05 -f --pid=$! g 2>/dev/null | head -3 | paste -sd,
split -n l/4 --filter='wc -l' words.txt | awk '{ s += $1 } END { print s }'; sort -S 32k --parallel=2 -T . -k2,2n words.txt | sort -c -k2,2n && echo sorted; yes | head -100000 | sha256sum | cut -c1-16; seq 1e5 | shuf | sort -n | md5sum | cut -c1-8`,
		want: "124\n137\n137\nsurvived\nleader\n5\nbd\n3\n 1 2\n 14 7\n123\nthrough\n1,2,3\n5000\nsorted\nbf6eed56b72b14fd\ndea9193b\n", limit: 4 * time.Minute},
	{name: "coreutils/files", about: "cp -a with links, holes and times; mv, ln, install, chmod, truncate, dd, du, df, stat, touch, realpath, mktemp, rm -r of a deep tree, sync, chown",
		script: `mkdir -p d/e; echo x >d/f; ln d/f d/hard; ln -s f d/soft; truncate -s 1M d/hole; touch -d @1000000000.123456789 d/f; cp -a d c; stat -c '%h %.9Y' c/f; readlink c/soft; [ c/f -ef c/hard ] && echo linked; du --apparent-size -b c/hole | cut -f1; [ $(stat -c %b c/hole) -lt 100 ] && echo hole
install -m 4750 -D d/f i/j/k; stat -c %a i/j/k; chmod u-s,o=r i/j/k; stat -c %A i/j/k; chown 12:34 i/j/k; stat -c %u:%g i/j/k; mv -T i m; ls m/j; dd if=/dev/zero of=z bs=1k count=10 seek=5 2>&1 | tail -1 | cut -d' ' -f1; stat -c %s z; mv --exchange d/f z 2>/dev/null && stat -c %s d/f || echo 15360
p=.; for i in $(seq 200); do p=$p/sub; done; mkdir -p $p; find . -type d -name sub | wc -l; rm -r sub; [ ! -e sub ]; realpath -m a/../b/./c; t=$(mktemp XXXXXX.t); [ -f $t ]; cd -P d/e; pwd; df --output=target /dev/shm | tail -1; ls /proc/self/fd | wc -l; cp --reflink=auto --sparse=always ../hole ../h2; cmp ../hole ../h2; sync ../h2; touch -h -d @5 ../soft; stat -c %Y ../soft`,
		want: "2 1000000000.123456789\nf\nlinked\n1048576\nhole\n4750\n-rwxr-xr--\n12:34\nk\n10240\n15360\n15360\n200\n/work/b/c\n/work/d/e\n/dev/shm\n4\n5\n"},
	{name: "find/exec", about: "find -exec, -exec +, -execdir, -delete, -newer, -perm, -printf, -prune; locate nothing twice; xargs -0",
		script: `mkdir -p a/b c; for i in 1 2 3; do echo $i >a/$i.x; echo $i >a/b/$i.y; done; touch -d @1 a/1.x; find a -name '*.x' -exec sh -c 'echo $#' _ {} + ; find a -name '*.y' -exec grep -q 2 {} \; -print; find a -type f -newermt @100 | wc -l
find a -name b -prune -o -type f -printf '%f %s\n' | sort; find a -execdir pwd \; | sort -u; find a -type f -print0 | xargs -0 cat | sort | uniq -c | tr -s ' '; find a -name '*.y' -delete; find a -empty; find c /no/such -maxdepth 0 2>/dev/null || echo $?`,
		want: "3\na/b/2.y\n5\n1.x 2\n2.x 2\n3.x 2\n/work\n/work/a\n/work/a/b\n 2 1\n 2 2\n 2 3\na/b\nc\n1\n"},
	{name: "tar/archives", about: "tar with gzip, bzip2, xz and zstd, sparse files, links, incremental, --to-command; checksums kept", packages: "bzip2 xz-utils zstd", limit: 4 * time.Minute,
		script: `mkdir s; cp words.txt s; ln -s words.txt s/l; ln s/words.txt s/h; truncate -s 3M s/hole; chmod 600 s/h; for z in gzip bzip2 xz zstd; do tar --$z -cSf a.$z s; mkdir $z; tar -xf a.$z -C $z; diff -r s $z/s && readlink $z/s/l && [ $z/s/h -ef $z/s/words.txt ] && stat -c %a $z/s/h; done
tar -tf a.xz | sort; tar -g snap -cf full.tar s; sleep 1; echo n >s/new; tar -g snap -cf inc.tar s; tar -tf inc.tar | grep -v '/$'; tar -xf inc.tar --to-command='tr n N' s/new; tar -cf - s | tar -df - && echo same; head -c 1000 a.gzip | tar -xzf - -C /tmp 2>/dev/null || echo $?`,
		want: "words.txt\n600\nwords.txt\n600\nwords.txt\n600\nwords.txt\n600\ns/\ns/h\ns/hole\ns/l\ns/words.txt\ns/new\nN\nsame\n2\n"},
	{name: "rsync", about: "local copies with links and holes, deltas, --delete, --link-dest, checksums; a daemon on the loopback device", packages: "rsync", limit: 4 * time.Minute,
		script: `mkdir -p a/d; cp words.txt a/d; ln -s d a/l; ln a/d/words.txt a/h; rsync -aHS a/ b/; diff -r a b && [ b/h -ef b/d/words.txt ] && readlink b/l; echo extra >b/extra; echo more >>a/h; rsync -aH --delete --no-whole-file --stats a/ b/ | grep -c 'Number of deleted files: 1'; diff -r a b; rsync -a --link-dest=../b a/ c/; [ c/h -ef b/h ] && echo linked
printf 'port = 8730\naddress = 127.0.0.1\nuse chroot = yes\nuid = 0\ngid = 0\n[m]\npath = /work/a\n' >conf; rsync --daemon --config=conf; for i in $(seq 100); do rsync rsync://127.0.0.1:8730/ >/dev/null 2>&1 && break; sleep 0.1; done; rsync -a rsync://127.0.0.1:8730/m/ e/; diff -r a e && echo daemon; rsync /no/such x 2>/dev/null || echo $?`,
		want: "d\n1\nlinked\ndaemon\n23\n"},
	{name: "procps", about: "ps, pgrep, pkill, pidof, free, uptime, vmstat, w, pmap, kill -l; processes appear under their own names", packages: "procps psmisc lsof",
		script: `sleep 77 & sleep 0.3; ps -o args= -p $!; ps -o comm= -p $!; pgrep -f '^sleep 77' | grep -cx $!; pgrep -x sleep -P $$ | wc -l; tr '\0' ' ' </proc/$!/cmdline; echo; ps -o ppid= -p $! | grep -cw $$; ps -o stat= -p $! | cut -c1; pkill -f '^sleep 77'; wait $! || echo $?
free -b | awk '/^Mem/ { print ($2 > $3) }'; uptime -p | grep -c up; vmstat 1 2 | wc -l; pmap $$ | grep -c '^ total'; kill -l 10; ps -e -o comm= | grep -c hospes || true; readlink /proc/$$/exe; pidof bash | tr ' ' '\n' | grep -cx $$; pstree -A $$ | grep -c '^bash'; exec 9<words.txt; lsof -p $$ -a -d 9 -Fn | grep ^n; fuser words.txt 2>/dev/null | tr ' ' '\n' | grep -cx $$`,
		want: "sleep 77\nsleep\n1\n1\nsleep 77 \n1\nS\n143\n1\n1\n4\n1\nUSR1\n0\n/usr/bin/bash\n1\n1\nn/work/words.txt\n1\n"},
	{name: "gpg", about: "make a key, sign, verify, encrypt to it, decrypt: gpg-agent is started on the way", packages: "gnupg", limit: 6 * time.Minute, slow: true,
		script: `export GNUPGHOME=/tmp/g; mkdir -m 700 $GNUPGHOME; gpg --batch --quiet --passphrase '' --quick-gen-key t@example.org ed25519 default 2>/dev/null; gpg --batch --quiet --yes -s words.txt; gpg --batch --status-fd 1 --verify words.txt.gpg 2>/dev/null | grep -c GOODSIG
fpr=$(gpg -k --with-colons | awk -F: '/^fpr/ { print $10; exit }'); gpg --batch --quiet --passphrase '' --quick-add-key $fpr cv25519; gpg --batch --quiet --trust-model always -r t@example.org -o e -e words.txt; gpg --batch --quiet -d e 2>/dev/null | cmp - words.txt && echo decrypted; echo x >>words.txt; gpg --batch -q --passphrase p --pinentry-mode loopback -c -o s words.txt; gpg --batch -q --passphrase p --pinentry-mode loopback -d s | cmp - words.txt && echo symmetric; gpgconf --kill all`,
		want: "1\ndecrypted\nsymmetric\n"},
	{name: "ssh-keygen", about: "make keys, sign and verify, ssh-agent with a command", packages: "openssh-client", limit: 4 * time.Minute,
		script: `ssh-keygen -q -t ed25519 -N '' -f k; ssh-keygen -q -t rsa -b 2048 -N pw -f r; ssh-keygen -y -f k | cut -d' ' -f1; ssh-keygen -l -f r.pub | cut -d' ' -f1; ssh-keygen -y -P bad -f r >/dev/null 2>&1 || echo wrong
ssh-keygen -q -Y sign -f k -n file words.txt 2>/dev/null; echo "me $(cat k.pub)" >allowed; ssh-keygen -Y verify -f allowed -I me -n file -s words.txt.sig <words.txt | cut -d' ' -f1; ssh-agent sh -c 'ssh-add -q k 2>/dev/null; ssh-add -l | wc -l'`,
		want: "ssh-ed25519\n2048\nwrong\nGood\n1\n"},
	{name: "sqlite3/files", about: "a database on disk shared by two processes, WAL, locks, a transaction rolled back, integrity", packages: "sqlite3", limit: 4 * time.Minute,
		script: `sqlite3 d 'pragma journal_mode=wal; create table t(a integer primary key, b)'; for i in 1 2 3 4; do (for j in $(seq 5); do sqlite3 -cmd '.timeout 60000' d "insert into t(b) values('$i-$j')"; done) & done; wait; sqlite3 d 'select count(*), count(distinct b) from t; pragma integrity_check'
sqlite3 d 'begin; delete from t; rollback; select count(*) from t; vacuum; select max(a) from t'; sqlite3 d .dump | sqlite3 e; sqlite3 e 'select count(*) from t'`,
		want: "wal\n20|20\nok\n20\n20\n20\n"},
	{name: "parallel", about: "GNU parallel: jobs, order, failures, pipes", packages: "parallel", limit: 5 * time.Minute, slow: true,
		script: `export HOME=/tmp; seq 8 | parallel -k -j3 'echo {} $(( {} * {} ))' | paste -sd,; parallel -j2 'exit {}' ::: 0 1 0 1; echo $?; seq 1000 | parallel --pipe -N 250 -j2 wc -l | paste -sd+ | bc`,
		want:   "1 1,2 4,3 9,4 16,5 25,6 36,7 49,8 64\n", status: 2},
	{name: "octave", packages: "octave", slow: true,
		about: "linear algebra, transforms, integrals",
		argv: argv("/usr/bin/octave-cli", "--no-init-file", "-q", "--eval",
			`disp(rank(magic(6))); [q, r] = qr(rand(50)); disp(norm(q * q' - eye(50)) < 1e-10); printf("%.4f ", abs(fft(1:8))); disp(""); printf("%.6f\n", quad(@(x) x.^2, 0, 3)); s = 0; for i = 1:20000, s = s + mod(i, 7); end; disp(s); try, error("a:b", "failed"); catch e, disp(e.message); end`),
		want: "5\n1\n36.0000 10.4525 5.6569 4.3296 4.0000 4.3296 5.6569 10.4525 \n9.000000\n59998\nfailed\n"},
	{name: "libreoffice", packages: "libreoffice-writer poppler-utils", slow: true, limit: 10 * time.Minute,
		about: "a page of HTML becomes a PDF file, and text again",
		script: `export HOME=/tmp; cd /tmp; echo '<h1>Title</h1><p>Some <b>text</b></p>' >a.html
soffice --headless --convert-to pdf a.html >/tmp/log 2>&1; pdftotext a.pdf - | head -2`,
		want: "Title\nSome text\n"},
}
