package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// schema is the one table of all settings: flags, variables, the keys of the
// file, the help and the documents are made from it.
func schema(s *Settings) []setting {
	var all []setting
	for _, part := range [][]setting{s.places(), s.doors(), s.accounts(), s.tasks(), s.road(), s.running()} {
		all = append(all, part...)
	}
	return all
}

func (s *Settings) places() []setting {
	return []setting{
		{"data", "DIR", groupPlaces,
			words{"folder of the task database, the login and the accounts; one daemon or command line uses it at a time",
				"存放任务数据库、登录信息和账号的文件夹；同一时间只能由一个守护进程或命令行使用"},
			textValue{target: &s.Data, what: "a folder"}, words{"pixivoc in the user's data folder; with --demo a temporary one", "用户数据文件夹下的 pixivoc；--demo 时为临时文件夹"}},
		{"save-root", "DIR", groupPlaces,
			words{"folder below which tasks may save, repeatable; the first one is where they save when nobody says otherwise; * allows every folder, on loopback only",
				"任务可以写入的文件夹，可重复；未指定保存路径时使用第一个；* 允许任意文件夹（仅限本机回环地址）"},
			listValue{&s.SaveRoots, splitPaths, nil}, words{"pictures in the data folder", "数据文件夹下的 pictures"}},
	}
}

func (s *Settings) doors() []setting {
	return []setting{
		{"socket", "ADDR", groupDoors,
			words{"where the socket of PixivOC listens; empty or off: nowhere",
				"PixivOC 套接字接口的监听地址；为空或 off 则关闭"},
			textValue{&s.Socket, checkAddress, "an address"}, words{}},
		{"http", "ADDR", groupDoors,
			words{"where all HTTP doors listen: console, REST, task API, data API; empty or off: nowhere",
				"所有 HTTP 接口（控制台、REST、任务 API、数据 API）的监听地址；为空或 off 则关闭"},
			textValue{&s.HTTP, checkAddress, "an address"}, words{}},
		{"legacy-http", "", groupDoors,
			words{"also serve the later HTTP interface of PixivOC, on the HTTP address",
				"同时在 HTTP 地址上提供 PixivOC 后期的 HTTP 接口"},
			switchValue{&s.LegacyHTTP}, words{}},
		{"legacy-static", "DIR", groupDoors,
			words{"folder with the page of the later HTTP interface, shown at /static/ without a login; needs legacy-http",
				"PixivOC 后期 HTTP 接口的网页所在文件夹，无需登录即可在 /static/ 访问；需要 legacy-http"},
			textValue{target: &s.LegacyStatic, what: "a folder"}, words{}},
		{"socket-exit", "", groupDoors,
			words{"let clients of the socket end the daemon with command 0",
				"允许套接字客户端用命令 0 结束守护进程"},
			switchValue{&s.SocketExit}, words{}},
		{"tls-cert", "FILE", groupDoors,
			words{"certificate in PEM, with those between it and the authority; renewed files are read without a restart",
				"PEM 格式的证书（含中间证书）；文件更新后无需重启"},
			textValue{target: &s.TLSCertificate, what: "a file"}, words{}},
		{"tls-key", "FILE", groupDoors,
			words{"private key of the certificate, in PEM; nobody else may be able to read it",
				"证书的私钥（PEM）；其他用户不得可读"},
			textValue{target: &s.TLSKey, what: "a file"}, words{}},
		{"dangerously-without-tls", "", groupDoors,
			words{"listen without TLS on addresses that others can reach, as behind a proxy that ends TLS or inside a container; without such a proxy, passwords and tokens can be read on the way",
				"允许在他人可达的地址上不使用 TLS 监听（例如在终止 TLS 的代理之后或容器内）；若没有这样的代理，密码和令牌会在途中被读到"},
			switchValue{&s.WithoutTLS}, words{}},
		{"allowed-origin", "ORIGIN", groupDoors,
			words{"web origin, as http://localhost:8080, whose pages may use the HTTP doors, repeatable",
				"允许其网页使用 HTTP 接口的来源，如 http://localhost:8080，可重复"},
			listValue{&s.AllowedOrigins, splitWords, checkOrigin}, words{}},
		{"allowed-host", "NAME", groupDoors,
			words{"further name under which the HTTP doors may be addressed, repeatable",
				"HTTP 接口可用的其他主机名，可重复"},
			listValue{&s.AllowedHosts, splitWords, checkHost}, words{}},
		{"trusted-proxy", "IP|NET", groupDoors,
			words{"reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are believed, repeatable",
				"信任其 X-Forwarded-For 和 X-Forwarded-Proto 的反向代理，可重复"},
			listValue{&s.TrustedProxies, splitWords, checkNetwork}, words{}},
	}
}

func (s *Settings) accounts() []setting {
	return []setting{
		{"password-file", "FILE", groupAccounts,
			words{"file with the password of the account admin, for console and data API, set at each start; PIXIVOC_PASSWORD has it itself",
				"保存 admin 账号密码的文件（用于控制台和数据 API），每次启动时生效；也可直接用 PIXIVOC_PASSWORD 给出密码"},
			textValue{target: &s.PasswordFile, what: "a file"}, words{"a password is made at the first start and shown once", "首次启动时生成密码并显示一次"}},
		{"token-file", "FILE", groupAccounts,
			words{"file to write a token of the account admin to, for programs of this user and as a way in while somebody guesses passwords; another one at each start, void and removed at the end",
				"写入 admin 账号令牌的文件，供本用户的程序使用，也可在有人猜测密码时用来登录；每次启动换新，退出时作废并删除"},
			textValue{target: &s.TokenFile, what: "a file"}, words{}},
		{"access-token-life", "TIME", groupAccounts,
			words{"how long an access token of the data API lives",
				"数据 API 访问令牌的有效期"},
			timeValue{&s.AccessTokenLife, time.Second, 365 * 24 * time.Hour}, words{}},
	}
}

func (s *Settings) tasks() []setting {
	return []setting{
		{"max-running", "N", groupTasks,
			words{"tasks that run at a time; the others wait in a queue",
				"同时运行的任务数；其余排队"},
			numberValue{&s.MaxRunning, 1, 1000}, words{}},
		{"max-open-tasks", "N", groupTasks,
			words{"tasks that may wait to run and run before a door refuses further ones; those that nobody started, that were stopped, or that wait for their schedule do not count",
				"排队和运行的任务总数上限，超过后接口拒绝新任务；未启动、已停止或等待计划时间的任务不计入"},
			numberValue{&s.MaxOpenTasks, 1, 1_000_000}, words{}},
		{"auto-start", "", groupTasks,
			words{"go on with the tasks that ran when the last daemon ended",
				"继续上次退出时正在运行的任务"},
			switchValue{&s.AutoStart}, words{}},
		{"webhook-allow", "HOST:PORT", groupTasks,
			words{"receiver of webhooks on a private or loopback address, repeatable; public ones need no leave",
				"允许的私有或回环地址 webhook 接收方，可重复；公网地址无需许可"},
			listValue{&s.WebhookAllow, splitWords, checkHostPort}, words{}},
		{"webhook-secret-file", "FILE", groupTasks,
			words{"file with the secret that signs webhooks, a line of whsec_ and base64; a second line is the one before, which signs too while receivers change over",
				"保存 webhook 签名密钥的文件，每行一个 whsec_ 加 base64；第二行为旧密钥，更换期间同时签名"},
			textValue{target: &s.WebhookSecretFile, what: "a file"}, words{"webhook-secret in the data folder, made at the first start", "数据文件夹下的 webhook-secret，首次启动时生成"}},
		{"no-sync", "", groupTasks,
			words{"do not wait for the disk: faster, survives kill -9 but not a power cut",
				"不等待磁盘同步：更快，可承受 kill -9，但不能承受断电"},
			switchValue{&s.NoSync}, words{}},
		{"sha256", "", groupTasks,
			words{"keep a SHA-256 of each file in place of a CRC-32C",
				"为每个文件记录 SHA-256 而不是 CRC-32C"},
			switchValue{&s.SHA256}, words{}},
	}
}

func (s *Settings) road() []setting {
	saved := words{"the saved value", "已保存的值"}
	return []setting{
		{"proxy-mode", "ROAD", groupRoad,
			words{"road to the site: 0 or direct, 1 or proxy, 2 or ip",
				"到站点的线路：0 或 direct、1 或 proxy、2 或 ip"},
			textValue{&s.ProxyMode, checkProxyMode, "a road"}, saved},
		{"proxy", "URL", groupRoad,
			words{"proxy: http, https, socks5 or socks5h; means --proxy-mode 1",
				"代理：http、https、socks5 或 socks5h；隐含 --proxy-mode 1"},
			textValue{&s.Proxy, checkProxy, "a URL"}, saved},
		{"host", "HOST=IP", groupRoad,
			words{"dial that address for a host, host=ip[:port], or use a strategy, host=sni, nosni, ech or split, repeatable; means --proxy-mode 2",
				"对某主机直接连接指定地址 host=ip[:port]，或使用策略 host=sni、nosni、ech、split，可重复；隐含 --proxy-mode 2"},
			listValue{&s.Hosts, splitWords, checkHostEntry}, saved},
		{"timeout", "TIME", groupRoad,
			words{"longest time to wait for a connection, an answer, or the next bytes",
				"等待连接、应答或后续数据的最长时间"},
			timeValue{&s.Timeout, pixivoc.MinTimeout, pixivoc.MaxTimeout}, saved},
		{"interval", "TIME", groupRoad,
			words{"least time between two questions to the site",
				"两次请求站点之间的最短间隔"},
			timeValue{&s.Interval, 0, pixivoc.MaxIntervalTime}, saved},
		{"concurrency", "N", groupRoad,
			words{"files to fetch at a time",
				"同时下载的文件数"},
			numberValue{&s.Concurrency, 1, pixivoc.MaxConcurrencyNumber}, saved},
	}
}

func (s *Settings) running() []setting {
	return []setting{
		{"max-connections", "N", groupRunning,
			words{"HTTP connections at a time; when all are taken, idle ones are closed",
				"同时的 HTTP 连接数；占满时关闭空闲连接"},
			numberValue{&s.MaxConnections, 1, 1_000_000}, words{}},
		{"max-socket-clients", "N", groupRunning,
			words{"clients of the socket at a time",
				"同时的套接字客户端数"},
			numberValue{&s.MaxSocketClients, 1, 1_000_000}, words{}},
		{"shutdown-timeout", "TIME", groupRunning,
			words{"longest time that ending may take; a second signal ends at once",
				"退出过程的最长时间；第二个信号立即结束"},
			timeValue{&s.ShutdownTimeout, 100 * time.Millisecond, time.Hour}, words{}},
		{"metrics", "", groupRunning,
			words{"serve /metrics in the Prometheus format, to accounts that may read",
				"在 /metrics 提供 Prometheus 格式的指标，需具有读取权限的账号"},
			switchValue{&s.Metrics}, words{}},
		{"log-level", "LEVEL", groupRunning,
			words{"log from this level on: debug, info, warn or error",
				"日志级别：debug、info、warn 或 error"},
			choice(&s.LogLevel, "debug", "info", "warn", "error"), words{}},
		{"log-format", "FORMAT", groupRunning,
			words{"form of the log on standard error: text or json",
				"标准错误上日志的格式：text 或 json"},
			choice(&s.LogFormat, "text", "json"), words{}},
		{"ready-file", "FILE", groupRunning,
			words{"file to write, as JSON with the addresses and the process id, once all doors answer; removed at the end",
				"所有接口就绪后写入的文件（JSON，含地址和进程号）；退出时删除"},
			textValue{target: &s.ReadyFile, what: "a file"}, words{}},
		{"demo", "", groupRunning,
			words{"run against a made-up Pixiv on this machine, with its account logged in",
				"连接本机上的模拟 Pixiv 运行，账号已登录"},
			switchValue{&s.Demo}, words{}},
	}
}

// isOff says that an address means no door.
func isOff(address string) bool { return address == "" || address == "off" }

func checkAddress(text string) error {
	if isOff(text) {
		return nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is not an address; write it as 127.0.0.1:13580", text)
	}
	return checkPort(port, 0)
}

func checkPort(text string, least int) error {
	if number, err := net.LookupPort("tcp", text); err != nil || number < least || strings.Trim(text, "0123456789") != "" {
		return fmt.Errorf("port %q is not a number from %d to 65535", text, least)
	}
	return nil
}

func checkHostPort(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return fmt.Errorf("%q is not of the form host:port", text)
	}
	return checkPort(port, 1)
}

func checkOrigin(text string) error {
	address, err := url.Parse(text)
	switch {
	case text == "*":
		return nil
	case err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https":
		return fmt.Errorf("%q is not an origin; write it as http://localhost:8080", text)
	case strings.Trim(address.Path, "/") != "" || address.RawQuery != "" || address.Fragment != "" || address.User != nil:
		return fmt.Errorf("%q is more than an origin; leave out what stands behind the host and port", text)
	}
	return nil
}

func checkHost(text string) error {
	if strings.ContainsAny(text, "/@?#* ") {
		return fmt.Errorf("%q is not the name of a host", text)
	}
	return nil
}

func checkNetwork(text string) error {
	_, err := parseNetwork(text)
	return err
}

// parseNetwork reads an address, or a network as 10.0.0.0/8.
func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Unmap().Prefix(address.Unmap().BitLen())
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("%q is neither an address nor a network as 10.0.0.0/8", text)
	}
	return network.Masked(), nil
}

func checkProxyMode(text string) error {
	_, err := parseProxyMode(text)
	return err
}

func parseProxyMode(text string) (pixivoc.ProxyMode, error) {
	switch strings.ToLower(text) {
	case "0", "direct":
		return pixivoc.ModeDirect, nil
	case "1", "proxy":
		return pixivoc.ModeProxy, nil
	case "2", "ip":
		return pixivoc.ModeIP, nil
	}
	return 0, fmt.Errorf("%q is not one of 0 (direct), 1 (proxy), 2 (ip)", text)
}

func checkProxy(text string) error {
	return reason(pixivoc.TransportConfig{Mode: pixivoc.ModeProxy, Proxy: text}.Validate())
}

func checkHostEntry(text string) error {
	_, _, err := pixivoc.ParseHostEntry(text)
	return reason(err)
}

// reason takes the name of the field off an error: here it has another one.
func reason(err error) error {
	if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return errors.New(field.Reason)
	}
	return err
}
