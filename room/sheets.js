// On a phone the chat has the screen, and what else there is comes up as a sheet (room/page.py).
// On a wider screen all is beside each other, and this bar is not there.

export default {
  template: `
    <nav class="sheets" aria-label="parts of the room">
      <button v-for="[name, title] in parts" type="button" :key="name" :class="'sheet-' + name"
        :aria-pressed="String(shown === name)" @click="open(name)">{{ title }}</button>
    </nav>`,
  data() {
    return {
      shown: "",
      parts: [["", "Chat"], ["alerts", "Alerts"], ["log", "Log"], ["info", "Panels"]],
    };
  },
  mounted() {
    this.escape = (event) => {
      if (event.key === "Escape" && this.shown && !event.target.closest(".q-dialog")) {
        this.open("");
        this.$el.querySelector("button").focus();
      }
    };
    document.addEventListener("keydown", this.escape);
    this.open("");
  },
  unmounted() {
    document.removeEventListener("keydown", this.escape);
  },
  methods: {
    open(name) {
      this.shown = name;
      document.body.dataset.sheet = name;
    },
  },
};
