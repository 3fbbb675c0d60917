// Random LogQL: whole queries from the grammar, and the same with words taken out, doubled or exchanged.

export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Queries {
  constructor(seed) {
    this.next = random(seed);
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  pick(...list) {
    return list[this.below(list.length)];
  }

  maybe(words, chance = 0.3) {
    return this.next() < chance ? words() : [];
  }

  some(min, max, each, separator) {
    const out = [];
    const count = min + this.below(max - min + 1);
    for (let i = 0; i < count; i++) {
      if (i > 0 && separator) out.push(separator);
      out.push(...each());
    }
    return out;
  }

  label() {
    return this.pick('app', 'level', 'source', 'status_code', 'duration_ms', '_x', 'a1', 'rate', 'count', 'sum', 'bytes', 'ip', 'detected_level', 'ns:x');
  }

  text() {
    return this.pick('"a"', '"x y"', '`raw \\d+`', '"esc \\" \\n"', '""', '"10.0.0.0/8"', '"(?i)err"', '"<_> took <ms>"', '"{{.msg}}"', '`{"a":1}`');
  }

  number() {
    return this.pick('1', '0.5', '.25', '10', '1e3', '99.9', '0x1F', '5.');
  }

  duration() {
    return this.pick('5m', '1h30m', '250ms', '1d', '10s', '1.5h', '2w', '-5m', '30us', '1y2d');
  }

  size() {
    return this.pick('1B', '10KB', '5MB', '1.5GiB', '20kB', '3KiB');
  }

  matcher() {
    return [this.label(), this.pick('=', '!=', '=~', '!~'), this.text()];
  }

  selector() {
    return ['{', ...this.some(1, 3, () => this.matcher(), ','), '}'];
  }

  lineTest() {
    return this.next() < 0.15 ? ['ip', '(', this.text(), ')'] : [this.text()];
  }

  lineFilter() {
    const first = this.lineTest();
    const out = [this.pick('|=', '!=', '|~', '!~', '|>', '!>'), ...first];
    if (this.next() < 0.25) out.push('or', this.text());
    if (this.next() < 0.1) out.push('or', ...this.lineTest());
    return out;
  }

  labelFilter(depth = 0) {
    const roll = this.next();
    if (depth < 3 && roll < 0.12) return ['(', ...this.labelFilter(depth + 1), ')'];
    if (depth < 3 && roll < 0.35) return [...this.labelFilter(depth + 1), this.pick('and', 'or', ','), ...this.labelFilter(depth + 1)];
    if (roll < 0.55) return this.matcher();
    if (roll < 0.62) return [this.label(), this.pick('=', '!='), 'ip', '(', this.text(), ')'];
    const sign = this.pick('=', '==', '!=', '>', '>=', '<', '<=');
    return [this.label(), sign, ...this.pick(() => [this.number()], () => ['-', this.number()], () => [this.duration()], () => [this.size()])()];
  }

  extraction() {
    return [this.label(), ...this.maybe(() => ['=', this.text()], 0.6)];
  }

  choice() {
    return this.next() < 0.6 ? [this.label()] : this.matcher();
  }

  stage() {
    return this.pick(
      () => this.lineFilter(),
      () => this.lineFilter(),
      () => ['|', 'json', ...this.maybe(() => this.some(1, 3, () => this.extraction(), ','))],
      () => ['|', 'logfmt', ...this.maybe(() => [this.pick('--strict', '--keep-empty')]), ...this.maybe(() => this.some(1, 3, () => this.extraction(), ','))],
      () => ['|', 'regexp', this.text()],
      () => ['|', 'pattern', this.text()],
      () => ['|', 'unpack'],
      () => ['|', ...this.labelFilter()],
      () => ['|', ...this.labelFilter()],
      () => ['|', 'line_format', this.text()],
      () => ['|', 'label_format', ...this.some(1, 3, () => [this.label(), '=', this.pick(this.label(), this.text())], ',')],
      () => ['|', 'decolorize'],
      () => ['|', 'drop', ...this.some(1, 3, () => this.choice(), ',')],
      () => ['|', 'keep', ...this.some(1, 3, () => this.choice(), ',')],
    )();
  }

  stages(max = 4) {
    return this.some(0, max, () => this.stage());
  }

  log() {
    return [...this.selector(), ...this.stages(5)];
  }

  unwrap() {
    return [
      '|', 'unwrap',
      ...this.pick(() => [this.label()], () => [this.pick('bytes', 'duration', 'duration_seconds'), '(', this.label(), ')'])(),
      ...this.maybe(() => ['|', ...this.labelFilter()]),
    ];
  }

  // Two forms that Loki takes and Grafana's grammar does not are left out: stages with `unwrap` in parentheses before the range, and
  // an offset after stages with `unwrap` and a range.
  range(unwrapped) {
    const unwrap = unwrapped ? this.unwrap() : [];
    const interval = () => ['[', this.pick('5m', '1h', '30s', '1h30m'), ']'];
    const withOffset = () => [...interval(), ...this.maybe(() => ['offset', this.duration()], 0.2)];
    return this.pick(
      () => (unwrapped ? [...this.selector(), ...this.stages(3), ...unwrap, ...interval()] : [...this.selector(), ...this.stages(3), ...withOffset()]),
      () => [...this.selector(), ...withOffset(), ...this.stages(2), ...unwrap],
      () => ['(', ...this.selector(), ...(unwrapped ? unwrap : this.stages(2)), ')', ...withOffset()],
      () => ['(', ...this.selector(), ...this.stages(2), ...unwrap, ...interval(), ')'],
    )();
  }

  grouping() {
    return [this.pick('by', 'without'), '(', ...this.some(0, 3, () => [this.label()], ','), ')'];
  }

  rangeAggregation() {
    const roll = this.next();
    if (roll < 0.5) return [this.pick('count_over_time', 'rate', 'bytes_over_time', 'bytes_rate', 'absent_over_time'), '(', ...this.range(false), ')'];
    if (roll < 0.6) return ['quantile_over_time', '(', this.number(), ',', ...this.range(true), ')', ...this.maybe(() => this.grouping())];
    if (roll < 0.75) return [this.pick('rate', 'rate_counter', 'sum_over_time'), '(', ...this.range(true), ')'];
    const name = this.pick('avg_over_time', 'min_over_time', 'max_over_time', 'first_over_time', 'last_over_time', 'stddev_over_time', 'stdvar_over_time');
    return [name, '(', ...this.range(true), ')', ...this.maybe(() => this.grouping())];
  }

  metric(depth = 0) {
    const roll = depth > 3 ? 0 : this.next();
    if (roll < 0.35) return this.rangeAggregation();
    if (roll < 0.6) {
      const name = this.pick('sum', 'avg', 'count', 'max', 'min', 'stddev', 'stdvar');
      const grouping = this.grouping();
      const inner = ['(', ...this.metric(depth + 1), ')'];
      return this.pick(() => [name, ...inner], () => [name, ...grouping, ...inner], () => [name, ...inner, ...grouping])();
    }
    if (roll < 0.66) return [this.pick('topk', 'bottomk'), '(', this.pick('1', '5', '10'), ',', ...this.metric(depth + 1), ')', ...this.maybe(() => this.grouping())];
    if (roll < 0.7) return [this.pick('sort', 'sort_desc'), '(', ...this.metric(depth + 1), ')'];
    if (roll < 0.75) return ['vector', '(', this.number(), ')'];
    if (roll < 0.8) return ['label_replace', '(', ...this.metric(depth + 1), ',', '"dst"', ',', '"$1"', ',', '"src"', ',', '"(.*)"', ')'];
    if (roll < 0.84) return ['(', ...this.metric(depth + 1), ')'];
    if (roll < 0.88) return [...this.maybe(() => [this.pick('+', '-')]), this.number()];
    const op = this.pick('+', '-', '*', '/', '%', '^', '==', '!=', '>', '>=', '<', '<=', 'and', 'or', 'unless');
    const modifier = [
      ...this.maybe(() => ['bool'], 0.15),
      ...this.maybe(() => [
        this.pick('on', 'ignoring'), '(', ...this.some(0, 2, () => [this.pick('app', 'level', 'source')], ','), ')',
        ...this.maybe(() => [this.pick('group_left', 'group_right'), ...this.maybe(() => ['(', ...this.some(0, 2, () => [this.pick('app', 'zone')], ','), ')'], 0.6)]),
      ], 0.2),
    ];
    return [...this.metric(depth + 1), op, ...modifier, ...this.metric(depth + 1)];
  }

  whole() {
    return this.next() < 0.5 ? this.log() : this.metric();
  }

  damaged() {
    const words = this.whole();
    for (let i = 0; i < 1 + this.below(2); i++) {
      const at = this.below(words.length);
      const other = this.below(words.length);
      this.pick(
        () => words.splice(at, 1),
        () => words.splice(at, 0, words[other]),
        () => ([words[at], words[other]] = [words[other], words[at]]),
        () => words.splice(at, 1, this.pick('|', '(', ')', '{', '}', 'json', 'by', 'or', '"x"', '5', '5m', ',', '=', '[', 'unwrap', 'x', 'rate', 'bool', 'on', '!=', '|~')),
        () => words.splice(at),
      )();
    }
    return words;
  }

  query() {
    const words = this.next() < 0.6 ? this.whole() : this.damaged();
    const separator = this.pick(' ', ' ', '\n', ' # a comment\n');
    return words.join(separator);
  }
}
