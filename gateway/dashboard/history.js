// What the broker said in the last two minutes, and rates from it.
const span = 120_000;

export class History {
  #samples = [];

  /// A broker that counts from zero again is another one, or was started again: nothing of the earlier one is kept.
  add(time, stats) {
    const last = this.latest;
    if (last && (last.stats.broker !== stats.broker || stats.calls_accepted < last.stats.calls_accepted)) this.#samples = [];
    this.#samples.push({ time, stats });
    while (this.#samples[0].time < time - span) this.#samples.shift();
  }

  get latest() { return this.#samples.at(-1); }

  /// Points {time, value}, a rate between each two samples.
  rate(read) {
    return this.#samples.slice(1).map((sample, i) => ({ time: sample.time, value: this.#between(this.#samples[i], sample, read) }));
  }

  level(read) { return this.#samples.map(({ time, stats }) => ({ time, value: read(stats) ?? 0 })); }

  /// Of the last few seconds; null when there is nothing to compare with.
  rateNow(read, seconds = 3) {
    const now = this.latest;
    const then = now && this.#samples.find((sample) => sample.time >= now.time - seconds * 1000 - 500);
    return then && then !== now ? this.#between(then, now, read) : null;
  }

  #between(a, b, read) {
    return Math.max(0, ((read(b.stats) ?? 0) - (read(a.stats) ?? 0)) / ((b.time - a.time) / 1000));
  }
}

export { span };
