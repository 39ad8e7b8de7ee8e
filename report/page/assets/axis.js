// From values to pixels and back, and where the ticks are.
class Axis {
  /** low, high: the values at the pixels `from` and `to`. */
  constructor(low, high, log, from, to) {
    Object.assign(this, { low, high, log, from, to });
    this.a = log ? Math.log10(low) : low;
    this.scale = (to - from) / ((log ? Math.log10(high) : high) - this.a);
  }

  pixel(value) {
    return this.from + ((this.log ? Math.log10(value) : value) - this.a) * this.scale;
  }

  value(pixel) {
    const found = (pixel - this.from) / this.scale + this.a;
    return this.log ? 10 ** found : found;
  }

  /** About `count` ticks: {value, text}. */
  ticks(count, integers) {
    const decades = this.log ? Math.log10(this.high / this.low) : 0;
    if (decades >= 1) {
      const values = decades * 3 <= count ? this.powers([1, 2, 5], 1) : decades * 2 <= count ? this.powers([1, 3], 1)
        : this.powers([1], Math.ceil(decades / count));
      return values.map((value) => ({ value, text: powerText(value, decades) }));
    }
    const step = niceStep((this.high - this.low) / count, integers);
    const first = Math.ceil(this.low / step - 1e-9);
    const length = Math.floor(this.high / step + 1e-9) - first + 1;
    const values = Array.from({ length: Math.max(length, 0) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
    return values.map((value) => ({ value, text: brief(value, 5) }));
  }

  powers(factors, stride) {
    const values = [];
    for (let p = Math.floor(Math.log10(this.low)); p <= Math.ceil(Math.log10(this.high)); p++) {
      if (p % stride === 0) values.push(...factors.map((factor) => Number(`${factor}e${p}`)));
    }
    return values.filter((value) => value >= this.low * (1 - 1e-9) && value <= this.high * (1 + 1e-9));
  }
}

const powerText = (value, decades) => (decades > 3 && (value < 0.1 || value > 100) ? powerOfTen(value) : brief(value, 3));

function powerOfTen(value) {
  const [head, power] = value.toExponential(0).split("e");
  return (head === "1" ? "" : head + "×") + "10" + raised(Number(power));
}

function niceStep(rough, integers) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  return integers ? Math.max(1, Math.round(step)) : step;
}

/** What an axis has to show. */
class Extent {
  constructor(log) {
    Object.assign(this, { log, low: Infinity, high: -Infinity });
  }

  add(value) {
    if (value === null || (this.log && value <= 0)) return;
    if (value < this.low) this.low = value;
    if (value > this.high) this.high = value;
  }

  /** Its limits, with some air. */
  limits() {
    const { low, high, log } = this;
    if (low > high) return log ? [0.1, 1] : [0, 1];
    if (low === high) return log ? [low / 2, high * 2] : [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
    const air = log ? (high / low) ** 0.04 : (high - low) * 0.04;
    return log ? [low / air, high * air] : [low - air, high + air];
  }
}
