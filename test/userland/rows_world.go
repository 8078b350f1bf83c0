package main

// worldRows are all rows that run in a world.
var worldRows = [][]worldRow{
	worldBasics, shellRows, buildRows, sourceRows, toolRows, worldViews, worldLanguages, worldCompilers, worldPythonTests,
	worldServers, worldTrace, worldJITs,
}

// worldBasics show that the world is what it should be.
var worldBasics = []worldRow{
	{name: "world/system", quick: true, about: "the configured system: dpkg's audit, users, links of update-alternatives, loopback",
		script: `dpkg --audit; id -un; readlink /etc/alternatives/awk | grep -oE "awk$"; cat /proc/sys/kernel/hostname; ip -br addr show lo | tr -s ' ' | cut -d' ' -f1,3 | cut -d/ -f1; tty || true; ls /dev/pts`,
		want:   "root\nawk\nworld\nlo 127.0.0.1\nnot a tty\nptmx\n"},
	{name: "world/user", quick: true, about: "an ordinary user", user: true,
		script: `id -u; touch mine; stat -c '%u %a' mine; touch /etc/x 2>/dev/null || echo refused`, want: "1000\n1000 644\nrefused\n"},
}
