// Wrong specs as data, for the tests of the loader and of the JSON Schema.

/** A good spec, in as few lines as can be. */
export const good = `service: shop
router:
  listen: 127.0.0.1:8080
environments:
  layers:
    web:
      command: [node, server.js]
`;
/** The good spec with more lines in its layer. */
export const web = (more: string): string =>
  `${good}${more
    .split('\n')
    .map((line) => `      ${line}\n`)
    .join('')}`;

/** Wrong specs by what is wrong with them, and what is said, without the name of the file. */
// prettier-ignore
export const wrongSpecs: readonly (readonly [string, string, readonly string[]])[] = [
  ['an empty file', '', ['1:1: expected a spec, found an empty file']],
  ['only comments', '# nothing yet\n', ['1:1: expected a spec, found an empty file']],
  ['a list', '- service: shop\n', ['1:1: expected a map of keys and values, found a list']],
  ['a word', 'shop\n', ['1:1: expected a map of keys and values, found the text "shop"']],
  ['a number', '42\n', ['1:1: expected a map of keys and values, found the number 42']],
  ['nothing that is needed', '{}\n', ['1:1: service: expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash, but it is missing', '1:1: router: expected a map, but it is missing', '1:1: environments: expected a map, but it is missing']],
  ['two documents', good + '---\nservice: other\n', ['8:1: expected one document, found a second one after ---']],
  ['a tab', 'service: shop\nrouter:\n\tlisten: :8080\n', ['3:1: expected spaces at the beginning of the line, found a tab']],
  ['a key twice', good + 'service: other\n', ['8:1: expected each key once, found "service" again']],
  ['a key twice, deep down', web('instances: 1\ninstances: 2'), ['9:7: expected each key once, found "instances" again']],
  ['a bracket that is not closed', good.replace('[node, server.js]', '[node, server.js'), ['8:1: expected another indentation (Flow sequence in block collection must be sufficiently indented and end with a ])']],
  ['a quote that is not closed', good.replace('shop', '"shop'), ['8:1: expected YAML: missing closing "quote']],
  ['a colon in a value', good.replace('shop', 'shop: the best'), ['1:10: expected YAML: nested mappings are not allowed in compact mappings']],
  ['a wrong indentation', 'service: shop\n  router:\n', ['1:10: expected YAML: nested mappings are not allowed in compact mappings']],
  ['an alias of nothing', good.replace('shop', '*name'), ['1:10: expected an anchor &name above this alias, found none']],
  ['a tag', good.replace('shop', '!env SHOP'), ['1:10: expected plain YAML, found a tag (Unresolved tag: !env)']],
  ['a list as a key', good + '? [a]\n: 1\n', ['8:3: expected a word as key']],
  ['a value that holds itself', good + 'checks: &all [*all]\n', ['1:1: expected at most 64 levels of lists and maps, found more']],
  ['aliases that stand for billions', good + 'a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n', ['1:1: expected aliases for at most 100 values, found more']],
  ['lists in lists without end', good + `checks: ${'['.repeat(5000)}${']'.repeat(5000)}\n`, ['8:72: expected at most 64 levels of lists and maps, found more']],
  ['a name with capitals and spaces', good.replace('shop', 'My Shop'), ['1:10: service: expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash, found "My Shop"']],
  ['a name that is empty', good.replace('shop', '""'), ['1:10: service: expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash, found ""']],
  ['a key without a value', good.replace(' 127.0.0.1:8080', ''), ['3:3: router.listen: expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080, found an empty value']],
  ['an unknown key', good + 'checkz: []\n', ['8:1: checkz: expected one of the keys service, router, platform, release, environments, strategy, checks, keep, keepReleases, found "checkz"; did you mean checks?']],
  ['an unknown key that is like none', good + 'zzzzzzzzz: 1\n', ['8:1: zzzzzzzzz: expected one of the keys service, router, platform, release, environments, strategy, checks, keep, keepReleases, found "zzzzzzzzz"']],
  ['an unknown key in a map', good.replace('  listen', '  lisen: :1\n  listen'), ['3:3: router.lisen: expected one of the keys driver, listen, preview, previewHost, tls, proxyProtocol, trust, requestId, traceContext, tracing, accessLog, hosts, paths, layer, protocol, upstream, instances, sticky, sideHeader, errorPages, limits, found "lisen"; did you mean listen?']],
  ['a key of another case', web('health:\n  tcp: true\n  start_period: 10s'), ['10:9: environments.layers.web.health.start_period: expected one of the keys http, tcp, command, running, interval, timeout, startPeriod, healthy, unhealthy, found "start_period"; did you mean startPeriod?']],
  ['a key in the wrong place', good + 'command: [node]\n', ['8:1: command: expected one of the keys service, router, platform, release, environments, strategy, checks, keep, keepReleases, found "command"']],
  ['listen as a number that is no port', good.replace('127.0.0.1:8080', '80800'), ['3:11: router.listen: expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080, found 80800']],
  ['listen without a port', good.replace('127.0.0.1:8080', 'localhost'), ['3:11: router.listen: expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080, found "localhost"']],
  ['a port out of range', good.replace('127.0.0.1:8080', '":70000"'), ['3:11: router.listen: expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080, found ":70000"']],
  ['preview as listen', good.replace('8080\n', '8080\n  preview: 127.0.0.1:8080\n'), ['4:12: router.preview: expected an address that differs from router.listen, found "127.0.0.1:8080"']],
  ['a preview host with a space', good.replace('8080\n', '8080\n  previewHost: my host\n'), ['4:16: router.previewHost: expected a host name in lower case, e.g. preview.shop.example, found "my host"']],
  ['a host with capitals', good.replace('8080\n', '8080\n  hosts: [Shop.example]\n'), ['4:11: router.hosts[0]: expected a host such as shop.example or "*.shop.example", in lower case, found "Shop.example"']],
  ['a host twice', good.replace('8080\n', '8080\n  hosts: [a.example, a.example]\n'), ['4:22: router.hosts[1]: expected each host once, found "a.example"']],
  ['a preview host that is a host', good.replace('8080\n', '8080\n  hosts: [a.example]\n  previewHost: a.example\n'), ['5:16: router.previewHost: expected a host that is not one of router.hosts, found "a.example"']],
  ['a prefix with dots', good.replace('8080\n', '8080\n  paths: [{ prefix: /a/.. }]\n'), ['4:21: router.paths[0].prefix: expected a path such as /api, of letters, digits, dots, dashes, _ and ~, without a slash at its end, found "/a/.."']],
  ['an unknown driver', good.replace('8080\n', '8080\n  driver: haproxy\n'), ['4:11: router.driver: expected embedded, found "haproxy"']],
  ['an enum value misspelt', good + 'strategy:\n  kind: blue_green\n', ['9:9: strategy.kind: expected blue-green, found "blue_green"; did you mean blue-green?']],
  ['another enum value misspelt', good + 'platform: { addresses: ips }\n', ['8:24: platform.addresses: expected one of ip, port, found "ips"; did you mean ip?']],
  ['a signal without SIG', web('stop: { signal: TERM }'), ['8:23: environments.layers.web.stop.signal: expected one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, found "TERM"; did you mean SIGTERM?']],
  ['a command as text', good.replace('[node, server.js]', 'node server.js'), ['7:16: environments.layers.web.command: expected a list of words, the program first, e.g. [node, server.js], found "node server.js"']],
  ['a command with a number that YAML changes', good.replace('server.js]', 'server.js, 0644]'), ['7:34: environments.layers.web.command[2]: expected text in quotes, found 0644, which YAML reads as 644; write "0644"']],
  ['an empty command', good.replace('[node, server.js]', '[]'), ['7:7: environments.layers.web.command: expected a list of words, the program first, e.g. [node, server.js], found an empty list']],
  ['an empty word in a command', good.replace('server.js', '""'), ['7:23: environments.layers.web.command[1]: expected a word that is not empty, found ""']],
  ['no instance', web('instances: 0'), ['8:18: environments.layers.web.instances: expected a number of at least 1, found 0']],
  ['a half instance', web('instances: 1.5'), ['8:18: environments.layers.web.instances: expected a whole number, found 1.5']],
  ['too many instances', web('instances: 1000'), ['8:18: environments.layers.web.instances: expected a number of at most 64, found 1000']],
  ['instances as text', web('instances: "2"'), ['8:18: environments.layers.web.instances: expected a number, found "2"']],
  ['a port as a word', web('port: any'), ['8:13: environments.layers.web.port: expected a port from 1 to 65535, or auto, found "any"']],
  ['variables as a list', web('variables:\n  - A=1'), ['8:7: environments.layers.web.variables: expected a map, found a list of 1']],
  ['a variable with a dash', web('variables:\n  MY-VAR: x'), ['9:9: environments.layers.web.variables.MY-VAR: expected the name of an environment variable, found "MY-VAR"']],
  ['a variable without a value', web('variables:\n  EMPTY:'), ['9:9: environments.layers.web.variables.EMPTY: expected text, a number, true, false or {file: PATH}, found an empty value']],
  ['a variable as a list', web('variables:\n  LIST: [a]'), ['9:9: environments.layers.web.variables.LIST: expected text, a number, true, false or {file: PATH}, found a list of 1']],
  ['a variable that YAML changes', web('variables:\n  VERSION: 1.10\n  MODE: 0644\n  DEBUG: True\n  FINE: 8080'), ['9:18: environments.layers.web.variables.VERSION: expected text in quotes, found 1.10, which YAML reads as 1.1; write "1.10"', '10:15: environments.layers.web.variables.MODE: expected text in quotes, found 0644, which YAML reads as 644; write "0644"', '11:16: environments.layers.web.variables.DEBUG: expected text in quotes, found True, which YAML reads as true; write "True"']],
  ['a variable from a file, misspelt', web('variables:\n  SECRET: { path: x }'), ['9:9: environments.layers.web.variables.SECRET: expected text, a number, true, false or {file: PATH}, found a map with path']],
  ['a duration as a number', web('health:\n  tcp: true\n  interval: 250'), ['10:19: environments.layers.web.health.interval: expected a duration such as 500ms, 10s, 5m or 1h, found 250; did you mean 250ms or 250s?']],
  ['a duration in words', good + 'keep: 1 hour\n', ['8:7: keep: expected a duration such as 500ms, 10s, 5m or 1h, found "1 hour"']],
  ['two kinds of health', web('health:\n  tcp: true\n  http: { path: / }'), ['8:7: environments.layers.web.health: expected exactly one of http, tcp, command and running, found a map with tcp, http']],
  ['no kind of health', web('health:\n  interval: 1s'), ['8:7: environments.layers.web.health: expected exactly one of http, tcp, command and running, found a map with interval']],
  ['a path without a slash', web('health:\n  http: { path: live }'), ['9:23: environments.layers.web.health.http.path: expected a path that begins with /, found "live"']],
  ['a status in words', web('health:\n  http: { status: ok }'), ['9:25: environments.layers.web.health.http.status: expected a status such as 200, 2xx or 200-399, found "ok"']],
  ['a status out of range', web('health:\n  http: { status: 700 }'), ['9:25: environments.layers.web.health.http.status: expected a status such as 200, 2xx or 200-399, found 700']],
  ['a header with a space', good + 'checks:\n  - http:\n      headers: { "X Y": z }\n', ['10:18: checks[0].http.headers["X Y"]: expected the name of a header, found "X Y"']],
  ['a header as a number', good + 'checks:\n  - http:\n      headers: { X-Y: 1 }\n', ['10:23: checks[0].http.headers.X-Y: expected text, found 1; in quotes it is text: "1"']],
  ['tcp: false', web('health: { tcp: false }'), ['8:22: environments.layers.web.health.tcp: expected true, found false']],
  ['one check instead of a list', good + 'checks:\n  http: { path: / }\n', ['8:1: checks: expected a list, found a map with http']],
  ['a check without a kind', good + 'checks:\n  - name: smoke\n', ['9:5: checks[0]: expected exactly one of http, tcp and command, found a map with name']],
  ['no layer', 'service: shop\nrouter: { listen: ":1" }\nenvironments: { layers: {} }\n', ['3:17: environments.layers: expected at least one layer, found an empty map']],
  ['layers as a list', 'service: shop\nrouter: { listen: ":1" }\nenvironments:\n  layers:\n    - web\n', ['4:3: environments.layers: expected a map, found a list of 1']],
  ['a layer with a wrong name', good.replace('web:', 'Web:'), ['6:5: environments.layers.Web: expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash, found "Web"']],
  ['a layer without a command', good.replace('      command: [node, server.js]', '      instances: 2'), ['6:5: environments.layers.web.command: expected a list of words, the program first, e.g. [node, server.js], but it is missing']],
  ['a layer that is empty', good.replace('\n      command: [node, server.js]', ''), ['6:5: environments.layers.web: expected a map, found an empty value']],
  ['a routed layer that is none', good.replace('8080\n', '8080\n  layer: api\n'), ['4:10: router.layer: expected one of the layers: web, found "api"']],
  ['a kind of sticky that is none', good.replace('8080\n', '8080\n  sticky: { by: ip }\n'), ['4:17: router.sticky.by: expected one of cookie, client, header, found "ip"']],
  ['sticky by a header that is not named', good.replace('8080\n', '8080\n  sticky: { by: header }\n'), ['4:3: router.sticky: expected header with by: header, and only then, found a map with by']],
  ['a cookie with a space', good.replace('8080\n', '8080\n  sticky: { by: cookie, cookie: { name: a b } }\n'), ['4:41: router.sticky.cookie.name: expected a name of letters, digits and !#$%&*+-.^_`|~, found "a b"']],
  ['a cookie that would say more', good.replace('8080\n', '8080\n  sticky: { by: cookie, cookie: { path: "/; Domain=x" } }\n'), ['4:41: router.sticky.cookie.path: expected a path that begins with /, without spaces and semicolons, found "/; Domain=x"']],
  ['a cookie for all sites without TLS', good.replace('8080\n', '8080\n  sticky: { by: cookie, cookie: { sameSite: none } }\n'), ['4:25: router.sticky.cookie.secure: expected true with sameSite none, or browsers drop the cookie, but it is missing']],
  ['a cookie where no request is read', good.replace('8080\n', '8080\n  protocol: tcp\n  sticky: { by: cookie }\n'), ['5:17: router.sticky.by: expected client with protocol tcp: no request is read, found "cookie"']],
  ['a page for a status that is no error', good.replace('8080\n', '8080\n  errorPages: { 200: a.html }\n'), ['4:17: router.errorPages["200"]: expected a status such as 503, or 4xx or 5xx, found "200"']],
  ['a page of no type', good.replace('8080\n', '8080\n  errorPages: { 503: a.png }\n'), ['4:22: router.errorPages["503"]: expected the path of a file that ends with .html, .htm, .txt, .json, .xml, found "a.png"']],
  ['pages where nothing is answered', good.replace('8080\n', '8080\n  protocol: tcp\n  errorPages: { 503: a.html }\n'), ['5:3: router.errorPages: expected no errorPages with protocol tcp: nothing is answered there, found a map with 503']],
  ['several layers and none is routed', 'service: shop\nrouter: { listen: ":1" }\nenvironments:\n  layers:\n    api: { command: [a] }\n    worker: { command: [b] }\n', ['2:1: router.layer: expected one of the layers api, worker, since there are several and none is named web, but it is missing']],
  ['an environment of another colour', good + '  red: {}\n', ['8:3: environments.red: expected one of the keys variables, layers, blue, green, found "red"']],
  ['one release kept', good + 'keepReleases: 1\n', ['8:15: keepReleases: expected a number of at least 2, found 1']],
  ['a build that is no list of lists', good + 'release:\n  build: [npm, ci]\n', ['9:11: release.build[0]: expected a list of words, the program first, e.g. [node, server.js], found "npm"', '9:16: release.build[1]: expected a list of words, the program first, e.g. [node, server.js], found "ci"']],
  ['what an alias brings in', 'service: shop\nrouter: { listen: ":1" }\nenvironments:\n  layers:\n    web: &web\n      command: node\n    worker: *web\n', ['6:16: environments.layers.web.command: expected a list of words, the program first, e.g. [node, server.js], found "node"', '6:16: environments.layers.worker.command: expected a list of words, the program first, e.g. [node, server.js], found "node"']],
  ['what a merge brings in', 'service: shop\nrouter: { listen: ":1" }\nenvironments:\n  layers:\n    web: &web\n      command: [a]\n      instances: 0\n    worker:\n      <<: *web\n      port: 1\n', ['7:18: environments.layers.web.instances: expected a number of at least 1, found 0', '7:18: environments.layers.worker.instances: expected a number of at least 1, found 0']],
  ['problems in many places', 'servce: shop\nrouter:\n  listen: x\n  layer: api\nenvironments:\n  layers:\n    web:\n      command: node\n      instances: two\nkeep: 1\n', ['1:1: service: expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash, but it is missing', '1:1: servce: expected one of the keys service, router, platform, release, environments, strategy, checks, keep, keepReleases, found "servce"; did you mean service?', '3:11: router.listen: expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080, found "x"', '4:10: router.layer: expected one of the layers: web, found "api"', '8:16: environments.layers.web.command: expected a list of words, the program first, e.g. [node, server.js], found "node"', '9:18: environments.layers.web.instances: expected a number, found "two"', '10:7: keep: expected a duration such as 500ms, 10s, 5m or 1h, found 1; did you mean 1ms or 1s?']],
];
