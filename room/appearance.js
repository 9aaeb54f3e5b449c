// How the page looks to this visitor (room/header.py): light or dark, and large for a wall.
// Both choices are kept in this browser; until one is made, light or dark is the system's choice.

const WIDTH = 1100; // of a wall, in the page's own pixels: what is small is larger, the wider it is
const HEIGHT = 617;

export default {
  template: `
    <div class="appearance">
      <button type="button" class="present" :aria-pressed="String(presenting)"
        title="large type, the log in front" @click="present(!presenting)">Present</button>
      <button type="button" class="dark-mode" :aria-pressed="String(dark)" title="light or dark"
        aria-label="dark" @click="darken(!dark)"><span aria-hidden="true">◐</span></button>
    </div>`,
  data() {
    return { dark: false, presenting: false };
  },
  mounted() {
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", this.paint);
    window.addEventListener("resize", this.fit);
    this.fit();
    this.paint();
    // Quasar's bar for requests that are under way has no name.
    document.querySelector(".q-loading-bar")?.setAttribute("aria-label", "loading");
    this.present(localStorage.getItem("room-presenting") === "yes");
  },
  unmounted() {
    this.system.removeEventListener("change", this.paint);
    window.removeEventListener("resize", this.fit);
  },
  methods: {
    paint() {
      const chosen = localStorage.getItem("room-dark");
      this.dark = chosen ? chosen === "yes" : this.system.matches;
      setDark(this.dark); // NiceGUI's
      document.documentElement.classList.toggle("dark-page", this.dark);
    },
    darken(on) {
      localStorage.setItem("room-dark", on ? "yes" : "no");
      this.paint();
    },
    present(on) {
      this.presenting = on;
      localStorage.setItem("room-presenting", on ? "yes" : "no");
      document.documentElement.classList.toggle("presenting", on);
    },
    fit() {
      const scale = Math.min(innerWidth / WIDTH, innerHeight / HEIGHT);
      const bounded = Math.min(Math.max(scale, 1), 4);
      document.documentElement.style.setProperty("--wall", bounded.toFixed(3));
    },
  },
};
