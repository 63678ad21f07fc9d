// Sentences and labels in the viewer's language, from the catalogues that Python gave.

export class Words {
  constructor(catalogues, language) {
    this.catalogues = catalogues;
    this.language = language in catalogues ? language : Object.keys(catalogues)[0];
  }

  say(key, parts = {}) {
    const known = this.catalogues[this.language][key] ?? this.catalogues.en?.[key] ?? key;
    return known.replace(/\{(\w+)\}/g, (whole, name) => (name in parts ? String(parts[name]) : whole));
  }

  has(key) {
    return key in this.catalogues[this.language];
  }

  // A length of time in its two largest units.
  span(seconds) {
    if (seconds < 1) return this.say("time.ms", { n: Math.round(seconds * 1000) });
    if (seconds < 60) return this.say("time.s", { n: Math.round(seconds * 100) / 100 });
    const whole = Math.round(seconds);
    const units = [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]];
    const [unit, size, smaller, part] = units.find((one) => whole >= one[1]);
    const rest = Math.floor((whole % size) / part);
    const first = this.say(`time.${unit}`, { n: Math.floor(whole / size) });
    return rest ? `${first} ${this.say(`time.${smaller}`, { n: rest })}` : first;
  }
}
