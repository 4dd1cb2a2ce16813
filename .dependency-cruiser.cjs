// The direction of imports: everything points inward, towards core; there are no cycles.
const inside = (...rooms) => `^src/(${rooms.join('|')})/`;
const only = (from, ...to) => ({
  name: `${from}-imports-inward`,
  severity: 'error',
  from: { path: `^src/${from}/`, pathNot: '\\.test\\.ts$' },
  to: { path: '^src/', pathNot: inside(from, ...to) },
});
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'core-is-pure',
      comment: 'core decides; it has no I/O, no clock, no runtime API',
      severity: 'error',
      from: { path: '^src/core/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^(node|bun):', '^bun$', '^fs$', '^src/(?!core/)'] },
    },
    only('ports', 'core'),
    only('steps', 'core', 'ports'),
    only('engine', 'core', 'ports', 'steps'),
    only('stores', 'core', 'ports'),
    only('checks', 'core', 'ports'),
    only('strategists', 'core', 'ports'),
    only('webhooks', 'core', 'ports', 'checks'),
    only('notifiers', 'core', 'ports'),
    only('platforms', 'core', 'ports'),
    only('routers', 'core', 'ports', 'proxy', 'config', 'holder'),
    only('holder', 'core', 'ports', 'proxy', 'config'),
    only('proxy', 'core', 'config'),
    only('config', 'core'),
    // Also for programs that are not ours: it stands alone.
    only('health'),
    only('agent', 'core', 'ports', 'config', 'checks', 'health', 'platforms'),
    only('server', 'core', 'ports', 'engine', 'steps', 'config'),
    {
      name: 'tests-stay-outside',
      severity: 'error',
      from: { path: '^src/', pathNot: '(\\.test\\.ts$|^src/testing/)' },
      to: { path: '(\\.test\\.ts$|^test/)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.mjs', '.json'] },
  },
};
