// Where a visitor types (room/composer.py). What is typed stays in this browser until it is sent:
// the name and the draft survive a reload, and the field is emptied here, not by the server.

const tell = (name, detail) => window.dispatchEvent(new CustomEvent(name, { detail }));

export default {
  template: `
    <div class="composer-frame"><form class="composer" @submit.prevent="send">
      <label class="name"><span>your name</span>
        <input v-model="name" :maxlength="longestName" aria-label="your name"
          autocomplete="nickname" @input="keep">
      </label>
      <label class="text"><span>message</span>
        <textarea v-model="text" :maxlength="longestText" rows="1" ref="text" aria-label="message"
          enterkeyhint="send" :placeholder="hint" @input="keep" @keydown.enter="enter"></textarea>
      </label>
      <button class="send" type="submit" aria-label="send">➤</button>
    </form></div>`,
  props: { suggested: String, longestName: Number, longestText: Number },
  data() {
    return { name: "", text: "", hint: "say something", count: 0 };
  },
  mounted() {
    this.name = localStorage.getItem("room-name") || this.suggested;
    this.text = localStorage.getItem("room-draft") || "";
    this.sent = new Map(); // what was sent and is not settled yet
    this.keep();
  },
  methods: {
    keep() {
      localStorage.setItem("room-name", this.name);
      localStorage.setItem("room-draft", this.text);
      this.$nextTick(() => {
        const field = this.$refs.text;
        if (!field) return;
        field.style.height = "auto";
        field.style.height = `${Math.min(field.scrollHeight + 2, 130)}px`;
      });
    },
    enter(event) {
      if (event.shiftKey || event.isComposing) return; // a line break; a word that is not finished
      event.preventDefault();
      this.send();
    },
    send() {
      const name = this.name.trim();
      const text = this.text.trim();
      if (!name) {
        this.hint = "type your name first";
        this.$el.querySelector(".name input").focus();
        return;
      }
      if (!text) return;
      if (!window.socket?.connected) {
        this.$el.querySelector("textarea").setCustomValidity("The room does not answer.");
        this.$el.querySelector("textarea").reportValidity();
        return; // what was typed stays
      }
      this.$el.querySelector("textarea").setCustomValidity("");
      const id = `${Date.now()}-${this.count++}`;
      this.sent.set(id, text);
      this.text = "";
      this.keep();
      tell("room-say", { id, name, text, colour: "#d3d3d3" });
      this.$emit("say", { id, name, text });
    },
    // Kafka has acknowledged a message, or it was not sent: then what was typed comes back.
    settle(id, message) {
      const text = this.sent.get(id);
      this.sent.delete(id);
      if (!message && text) {
        this.text = this.text ? `${text}\n${this.text}` : text;
        this.keep();
      }
      tell("room-settle", { id, message });
    },
  },
};
