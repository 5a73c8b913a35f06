// Reads what s.yaml says of the function as JSON on stdin and prints the CreateFunction and CreateTrigger requests that
// Aliyun's own SDK makes of it. Fails on a member that the SDK does not know, and on a value of another type.
const FC = require('@alicloud/fc20230330');

function check(model, value, path) {
  const types = model.types();
  for (const [name, member] of Object.entries(value)) {
    if (!(name in types)) throw new Error(`${path}.${name}: ${model.name} has no such member`);
    checkType(types[name], member, `${path}.${name}`);
  }
}

function checkType(type, value, path) {
  if (typeof type === 'function') return check(type, value, path);
  if (type.type === 'array' && Array.isArray(value)) return value.forEach((item) => checkType(type.itemType, item, path));
  if (type.type === 'map') return Object.values(value).forEach((item) => checkType(type.valueType, item, path));
  if (typeof value !== type) throw new Error(`${path}: ${JSON.stringify(value)} is no ${type.type || type}`);
}

// The tool itself takes region, uploads code, and makes a call of its own for each trigger.
const { region, code, triggers, ...made } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
check(FC.CreateFunctionInput, made, 'function');
const requests = triggers.map(({ triggerConfig, ...trigger }) => {
  check(FC.CreateTriggerInput, trigger, 'trigger');
  check(FC.HTTPTriggerConfig, triggerConfig, 'trigger.triggerConfig');
  return { ...new FC.CreateTriggerInput(trigger).toMap(), config: new FC.HTTPTriggerConfig(triggerConfig).toMap() };
});
console.log(JSON.stringify({ function: new FC.CreateFunctionInput(made).toMap(), triggers: requests }));
